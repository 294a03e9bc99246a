/**
 * A real redis-server with a folder of its own, behind a line that a test can hold, cut or refuse. The server listens on a
 * socket in its folder and the line on a port of its own, so that the address stays the same while the server is away.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type RedisAddress, redisAddress } from '../../operator/engine/redis/address.ts';
import { eventually } from './eventually.ts';

export type RedisConfig = Record<string, string>;

/** As the event log wants it. */
const SAFE: RedisConfig = { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction', save: '' };

export class RedisServer implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'swe-redis-'));
  readonly line: Line;
  readonly #socket = join(this.folder, 'redis.sock');
  #config: RedisConfig;
  #process: ChildProcess | undefined;
  #admin: Redis | undefined;

  private constructor(config: RedisConfig) {
    this.#config = { ...SAFE, ...config };
    this.line = new Line(this.#socket);
  }

  /** @param config changes to a configuration that is as the event log wants it */
  static async start(config: RedisConfig = {}): Promise<RedisServer> {
    const server = new RedisServer(config);
    try {
      await server.line.listen();
      await server.restart();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** How it is reached through the line. */
  url({ credentials = '', database = 0 }: { credentials?: string; database?: number } = {}): string {
    return `redis://${credentials === '' ? '' : `${credentials}@`}127.0.0.1:${this.line.port}/${database}`;
  }

  get address(): RedisAddress {
    return redisAddress(this.url());
  }

  /** A client beside the line, which may do everything. */
  get admin(): Redis {
    this.#admin ??= new Redis({ path: this.#socket, protocol: 2, enableReadyCheck: false, ...adminLogin(this.#config) });
    return this.#admin;
  }

  /** Ends the server with SIGKILL; what was on disk stays. */
  async kill(): Promise<void> {
    this.#admin?.disconnect();
    this.#admin = undefined;
    const server = this.#process;
    this.#process = undefined;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  }

  /** Ends the server, if it runs, and starts it again with what is on its disk. */
  async restart(changes: RedisConfig = {}): Promise<void> {
    await this.kill();
    this.#config = { ...this.#config, ...changes };
    this.#process = launch({ ...this.#config, port: '0', unixsocket: this.#socket, dir: this.folder });
    await answering(this.#process, () => connect(this.#socket));
  }

  /**
   * Takes the last transactions from the disk of a server that was killed, as a disk might that had lied.
   * @param keep how many stay; below 0, how many go
   */
  keepTransactions(keep: number): void {
    const name = readdirSync(join(this.folder, 'appendonlydir')).find((file) => file.endsWith('.incr.aof'));
    const file = join(this.folder, 'appendonlydir', name ?? '');
    const begins = [...readFileSync(file, 'latin1').matchAll(/\*1\r\n\$5\r\nMULTI\r\n/g)].map(({ index }) => index);
    const end = begins.at(keep);
    if (end === undefined) throw new Error(`there are ${begins.length} transactions`);
    truncateSync(file, end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.line.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A server on a port of its own, without a line: for measurements. */
export async function plainRedis(config: RedisConfig = {}): Promise<{ url: string } & AsyncDisposable> {
  const folder = mkdtempSync(join(tmpdir(), 'swe-redis-'));
  for (let attempt = 0; ; attempt++) {
    const port = await freePort();
    const server = launch({ ...SAFE, ...config, port: String(port), bind: '127.0.0.1', dir: folder });
    const close = async () => {
      if (server.exitCode === null && server.signalCode === null && server.kill('SIGKILL')) await once(server, 'exit');
    };
    try {
      await answering(server, () => connect(port, '127.0.0.1'));
    } catch (error) {
      await close();
      // Somebody else may have taken the port meanwhile.
      if (attempt < 3) continue;
      throw error;
    }
    return {
      url: `redis://127.0.0.1:${port}/0`,
      async [Symbol.asyncDispose]() {
        await close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }
}

/** What lies between a client and the server. */
class Line {
  readonly #target: string;
  readonly #server: Server;
  readonly #pairs = new Set<{ client: Socket; upstream: Socket }>();
  #state: 'passing' | 'held' | 'refusing' = 'passing';
  #losing: (() => void) | undefined;

  constructor(target: string) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the line is not there');
    return (address satisfies AddressInfo).port;
  }

  /** Connections that pass through it. */
  get connections(): number {
    return this.#pairs.size;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** From now on nothing comes through in either direction, and nobody is told: a partition. */
  hold(): void {
    this.#state = 'held';
    for (const { client, upstream } of this.#pairs) {
      client.pause();
      upstream.pause();
    }
  }

  /** From now on all connections are ended at once. */
  refuse(): void {
    this.#state = 'refusing';
    this.cut();
  }

  /** Lets everything through again, also what was held. */
  pass(): void {
    this.#state = 'passing';
    for (const { client, upstream } of this.#pairs) {
      client.resume();
      upstream.resume();
    }
  }

  /** Ends the connections that there are. */
  cut(): void {
    for (const { client, upstream } of this.#pairs) {
      client.destroy();
      upstream.destroy();
    }
  }

  /** The next answer is lost with its connection, after the server did what was asked. Resolves when it was. */
  loseNextAnswer(): Promise<void> {
    return new Promise((resolve) => {
      this.#losing = resolve;
    });
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    client.on('error', () => client.destroy());
    if (this.#state === 'refusing') {
      client.destroy();
      return;
    }
    const upstream = connect(this.#target);
    const pair = { client, upstream };
    this.#pairs.add(pair);
    upstream.on('error', () => client.destroy());
    client.on('data', (chunk) => upstream.write(chunk));
    client.on('end', () => upstream.end());
    client.on('close', () => {
      this.#pairs.delete(pair);
      // What it sent before may still be held here.
      if (this.#state !== 'held') upstream.end();
    });
    upstream.on('close', () => client.destroy());
    upstream.on('data', (chunk) => {
      if (this.#losing) {
        this.#losing();
        this.#losing = undefined;
        client.destroy();
        upstream.destroy();
      } else client.write(chunk);
    });
    if (this.#state === 'held') {
      client.pause();
      upstream.pause();
    }
  }
}

/** Starts a server with a configuration file in its folder. */
function launch(config: RedisConfig & { dir: string }): ChildProcess {
  const file = join(config.dir, 'redis.conf');
  const words = (value: string) => value.split(' ').map((word) => JSON.stringify(word));
  const lines = Object.entries(config).map(([name, value]) => [name, ...words(value)].join(' '));
  writeFileSync(file, `${lines.join('\n')}\n`);
  return spawn('redis-server', [file], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Resolves once the server answers and has loaded its data. */
async function answering(server: ChildProcess, open: () => Socket): Promise<void> {
  const ended = once(server, 'exit').then(() => {
    throw new Error('redis-server ended at its start');
  });
  ended.catch(() => undefined);
  const answered = eventually('an answer of redis-server', async () => !/^-LOADING/.test(await ping(open())));
  await Promise.race([answered, ended]);
}

async function ping(socket: Socket): Promise<string> {
  try {
    socket.end('PING\r\n');
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    if (answer === '') throw new Error('no answer');
    return answer;
  } finally {
    socket.destroy();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function adminLogin(config: RedisConfig): { password?: string } {
  return config.requirepass === undefined ? {} : { password: config.requirepass };
}
