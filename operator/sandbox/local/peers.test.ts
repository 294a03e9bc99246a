/** Who may use a gateway that asks for no token: the user, and no command of a session. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { patience as signal } from '../../../test/support/eventually.ts';
import { TestGateway } from '../../../test/support/gateway.ts';
import { LocalSandboxes, missing, until } from '../../../test/support/local-sandboxes.ts';
import { openSandbox } from '../commands.ts';
import type { Sandbox } from '../sandbox.ts';
import type { IsolationMethod } from './isolation.ts';
import { type Occupant, Peers } from './peers.ts';
import { identify } from './processes.ts';
import type { LocalTransport } from './transport.ts';

const linux = process.platform === 'linux';
const describeOnLinux = linux ? describe : describe.skip;
if (!linux) console.warn('not tested: who opened a connection can only be told on Linux');

const BODY = JSON.stringify({ goal: 'g', repo_url: 'https://example.com/r.git' });
const POST = `POST /agent/sessions HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: application/json\\r\\nContent-Length: ${BODY.length}\\r\\nConnection: close\\r\\n\\r\\n${BODY.replaceAll('"', '\\"')}`;
/** Bash connects by itself, without any program that a sandbox might not have. */
const connect = (address: string, port: string | number): string => `exec 3<>/dev/tcp/${address}/${port} && printf "${POST}" >&3`;
const ask = (address: string, port: string | number): string => `${connect(address, port)} && cat <&3`;

for (const method of ['bubblewrap', 'user', 'none'] satisfies IsolationMethod[]) {
  const reason = missing(method);
  if (reason) {
    describe(`isolation by ${method}`, () => it.skip(`is not tested: ${reason}`, () => {}));
    continue;
  }
  describeOnLinux(`a command isolated by ${method}`, () => {
    let sandboxes: LocalSandboxes;
    let transport: LocalTransport;
    let sandbox: Sandbox;
    let gateway: TestGateway;
    let port: string;
    let asked = 0;
    beforeAll(async () => {
      sandboxes = new LocalSandboxes(method);
      transport = sandboxes.transport();
      sandbox = await openSandbox(await transport.provision(sandboxes.owner(), {}, signal()), { epoch: 1 });
      gateway = await TestGateway.start({
        host: '::',
        refusal: (connection) => {
          asked++;
          return transport.refusal(connection);
        },
      });
      port = new URL(gateway.url).port;
    });
    afterAll(async () => {
      await gateway?.close();
      await sandbox?.close();
      await sandboxes.close();
    });
    const inside = async (command: string): Promise<string> =>
      (await sandbox.query(`${command} 2>&1`, { signal: signal() })).output;
    const outside = (command: string): Promise<string> =>
      said(spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] }));

    it.each(addresses())('is refused at %s, where the user is served', async (address) => {
      const refused = await inside(ask(address, port));
      expect(refused).toMatch(/^HTTP\/1.1 403 /);
      expect(refused).toContain('"type":"urn:swe-agent:problem:caller-refused"');
      expect(refused).toContain('opened by a command that runs in the sandbox of a session');
      expect(await gateway.objects()).toEqual([]);
      expect(await outside(ask(address, port))).toMatch(/^HTTP\/1.1 201 /);
      for (const { metadata } of await gateway.objects())
        await gateway.send(`/agent/sessions/${metadata.name}`, { method: 'DELETE' });
    });

    it('is refused whatever it asks for, also when it is gone before it is looked at', async () => {
      for (const path of ['/', '/healthz', '/metrics', '/agent/tasks/x']) {
        const answer = await inside(
          `exec 3<>/dev/tcp/127.0.0.1/${port} && printf "GET ${path} HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n" >&3 && cat <&3`,
        );
        expect([path, answer.split('\r\n', 1)[0]]).toEqual([path, 'HTTP/1.1 403 Forbidden']);
      }
      const before = asked;
      await inside(`for i in 1 2 3 4 5; do (${connect('127.0.0.1', port)}); done; (${connect('127.0.0.1', port)}) & disown`);
      await until('every connection to be seen', () => asked >= before + 6);
      expect((await gateway.get('/healthz')).status).toBe(200);
      expect(await gateway.objects()).toEqual([]);
    });

    it('leaves the connections of others alone, each of which is looked at once', async () => {
      using agent = keepAlive();
      const before = asked;
      for (let i = 0; i < 5; i++) expect((await gateway.send('/healthz', { agent: agent.it })).status).toBe(200);
      expect(asked).toBe(before + 1);
    });

    it('does not hold up a client that gives up at once, whose request is not done', async () => {
      // Nothing is accepted until the client has ended.
      spawnSync('bash', ['-c', connect('127.0.0.1', port)]);
      const before = asked;
      await until('the connection to be seen', () => asked > before);
      expect((await gateway.get('/agent/sessions')).json()).toMatchObject({ items: [] });
    });
  });
}

describeOnLinux('where sandboxes have the user of the operator', () => {
  let server: Server;
  let port = 0;
  let verdicts: (string | undefined)[];
  let occupants: Occupant[];
  const children: ChildProcess[] = [];
  const keepers: number[] = [];
  const sockets = new Set<Socket>();
  beforeEach(async () => {
    verdicts = [];
    occupants = [];
    const peers = new Peers({ occupants: () => occupants, users: { first: 52_000, count: 8000 } });
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      const { remoteAddress: address = '', remotePort = 0, localAddress = '', localPort = 0 } = socket;
      const connection = { peer: { address, port: remotePort }, own: { address: localAddress, port: localPort } };
      peers.refusal(connection).then(
        (refusal) => {
          verdicts.push(refusal);
          socket.end('answered\n');
        },
        (error: unknown) => socket.destroy(error instanceof Error ? error : undefined),
      );
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    port = typeof address === 'object' && address ? address.port : 0;
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    for (const pid of keepers.splice(0)) if (pid > 1) process.kill(pid, 'SIGKILL');
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await new Promise((resolve) => server.close(resolve));
  });

  /** A process that connects when it is told to, and says what it got. */
  function shell(script: string): ChildProcess & { stdin: NodeJS.WritableStream; stdout: NodeJS.ReadableStream } {
    const child = spawn('bash', ['-c', `read -r; ${script}`], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  }
  const occupied = (child: ChildProcess, method: IsolationMethod): Occupant => {
    const runner = identify(child.pid ?? 0);
    if (!runner) throw new Error('the process is gone');
    return { sandboxUid: crypto.randomUUID(), method, runner };
  };
  const reading = () => `exec 3<>/dev/tcp/127.0.0.1/${port}; cat <&3`;

  it.each(['bubblewrap', 'none'] as const)(
    'a process below the runner is refused, and one beside it is served (%s)',
    async (method) => {
      const runner = shell(`(bash -c '(${reading()}); :'; :) & wait`);
      occupants = [occupied(runner, method)];
      runner.stdin.end('\n');
      expect(await said(runner)).toBe('answered\n');
      expect(verdicts).toEqual([expect.stringContaining('sandbox of a session')]);
      const other = shell(reading());
      // It still runs: a runner that has ended is nobody's.
      const rest = shell('read -r');
      occupants = [occupied(rest, method)];
      other.stdin.end('\n');
      expect(await said(other)).toBe('answered\n');
      expect(verdicts[1]).toBeUndefined();
    },
  );

  it('a connection that no process is seen with is refused while a sandbox runs under bubblewrap, and only then', async () => {
    const rest = shell('read -r');
    for (const method of ['bubblewrap', 'none'] as const) {
      occupants = [occupied(rest, method)];
      hiddenConnection();
      await until('a verdict', () => verdicts.length > 0);
      expect([method, verdicts.splice(0)]).toEqual([
        method,
        [method === 'none' ? undefined : expect.stringContaining('API_TOKEN')],
      ]);
    }
    occupants = [occupied(rest, 'bubblewrap')];
    rest.stdin.end();
    await once(rest, 'exit');
    hiddenConnection();
    await until('a verdict', () => verdicts.length > 0);
    expect(verdicts).toEqual([undefined]);
  });

  /** Leaves a connection on its way through a Unix socket that nobody reads: it is open, and no process has it. */
  function hiddenConnection(): void {
    const script = `const keeper = require('node:child_process').spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
      const socket = require('node:net').connect(${port}, '127.0.0.1', () =>
        keeper.send({}, socket, { keepOpen: true }, () => { console.log(keeper.pid); process.exit(); }));`;
    const { stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    keepers.push(Number(stdout));
  }
});

function keepAlive(): Disposable & { it: Agent } {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return { it: agent, [Symbol.dispose]: () => agent.destroy() };
}

/** Names of this machine at which the same server is reached. */
function addresses(): string[] {
  const own = Object.values(networkInterfaces()).flat();
  const v6 = own.some((one) => one?.address === '::1');
  if (!v6) console.warn('not tested: this machine has no IPv6 loopback');
  const lan = own.find((one) => one?.family === 'IPv4' && !one.internal)?.address;
  return ['127.0.0.1', '127.0.0.7', ...(v6 ? ['::1', '::ffff:127.0.0.1'] : []), ...(lan ? [lan] : [])];
}

async function said(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  return text;
}
