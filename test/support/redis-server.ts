/**
 * A real redis-server with a folder of its own, behind a line that a test can hold, cut or refuse. The server listens on a
 * socket in its folder, for TLS on a port besides, and the line on a port of its own, so that the address stays the same
 * while the server is away.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type RedisAddress, redisAddress } from '../../operator/engine/redis/address.ts';
import { eventually } from './eventually.ts';
import { Line } from './redis-line.ts';

export type RedisConfig = Record<string, string>;

/** What a server that speaks TLS shows, in PEM. */
export type RedisCertificate = { key: string; cert: string };

/** As the event log wants it. */
const SAFE: RedisConfig = { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction', save: '' };

export class RedisServer implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'swe-redis-'));
  readonly line: Line;
  readonly #socket = join(this.folder, 'redis.sock');
  readonly #tls: boolean;
  #config: RedisConfig;
  #process: ChildProcess | undefined;
  #admin: Redis | undefined;
  /** Where it speaks TLS. */
  #tlsPort = 0;

  private constructor(config: RedisConfig, certificate: RedisCertificate | undefined) {
    this.#config = { ...SAFE, ...config, ...(certificate && this.#keep(certificate)) };
    this.#tls = certificate !== undefined;
    this.line = new Line(() => (this.#tls ? connect(this.#tlsPort, '127.0.0.1') : connect(this.#socket)));
  }

  /**
   * @param config changes to a configuration that is as the event log wants it
   * @param certificate makes it speak TLS, and nothing else, to who comes through the line
   */
  static async start(config: RedisConfig = {}, certificate?: RedisCertificate): Promise<RedisServer> {
    const server = new RedisServer(config, certificate);
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
    const scheme = this.#tls ? 'rediss' : 'redis';
    return `${scheme}://${credentials === '' ? '' : `${credentials}@`}127.0.0.1:${this.line.port}/${database}`;
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
    if (server) await end(server);
  }

  /** Ends the server, if it runs, and starts it again with what is on its disk. */
  async restart(changes: RedisConfig = {}): Promise<void> {
    await this.kill();
    this.#config = { ...this.#config, ...changes };
    const config = { ...this.#config, port: '0', unixsocket: this.#socket, dir: this.folder };
    if (!this.#tls) {
      this.#process = launch(config);
      await answering(this.#process, () => connect(this.#socket));
      return;
    }
    this.#process = await onFreePort(
      (port) => {
        this.#tlsPort = port;
        return launch({ ...config, 'tls-port': String(port), bind: '127.0.0.1' });
      },
      () => connect(this.#socket),
    );
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

  /** Puts the certificate where the server finds it. */
  #keep({ key, cert }: RedisCertificate): RedisConfig {
    const files = { 'tls-key-file': join(this.folder, 'key.pem'), 'tls-cert-file': join(this.folder, 'cert.pem') };
    writeFileSync(files['tls-key-file'], key, { mode: 0o600 });
    writeFileSync(files['tls-cert-file'], cert);
    // A client needs no certificate, as with most that are hosted.
    return { ...files, 'tls-auth-clients': 'no' };
  }
}

/** A server on a port of its own, without a line: for measurements. */
export async function plainRedis(config: RedisConfig = {}): Promise<{ url: string } & AsyncDisposable> {
  const folder = mkdtempSync(join(tmpdir(), 'swe-redis-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  let taken = 0;
  try {
    const server = await onFreePort(
      (port) => {
        taken = port;
        return launch({ ...SAFE, ...config, port: String(port), bind: '127.0.0.1', dir: folder });
      },
      () => connect(taken, '127.0.0.1'),
    );
    return {
      url: `redis://127.0.0.1:${taken}/0`,
      async [Symbol.asyncDispose]() {
        await end(server);
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** A server that was launched with a free port and answers; with another port when somebody took the first meanwhile. */
async function onFreePort(launched: (port: number) => ChildProcess, open: () => Socket): Promise<ChildProcess> {
  for (let attempt = 0; ; attempt++) {
    const server = launched(await freePort());
    try {
      await answering(server, open);
      return server;
    } catch (error) {
      await end(server);
      if (attempt === 3) throw error;
    }
  }
}

/** Ends a server, unless it has ended, as a crash would. */
async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode === null && server.signalCode === null && server.kill('SIGKILL')) await once(server, 'exit');
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
  let ended: Error | undefined;
  once(server, 'exit').then(
    () => {
      ended = new Error('redis-server ended at its start');
    },
    (cause: unknown) => {
      ended = new Error('redis-server cannot be started', { cause });
    },
  );
  await eventually('an answer of redis-server', async () => ended !== undefined || !/^-LOADING/.test(await ping(open())));
  if (ended) throw ended;
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
