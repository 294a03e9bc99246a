import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually, PATIENCE_MS } from '../../test/support/eventually.ts';
import { type ExecPeer, ExecServer, exitStatus } from '../../test/support/exec-server.ts';
import { type ContainerFate, type ExecOptions, type ExecSession, startExec } from './exec.ts';
import { ExecEndedError, ExecUnsupportedError } from './exec-outcome.ts';
import { ExecUnknownError, execScript } from './exec-script.ts';

const request = { namespace: 'ns', pod: 'p', container: 'c', command: ['echo', 'a b&c'], stdin: true };

describe('a command in a container', () => {
  const stop = new AbortController();
  const sessions: ExecSession[] = [];
  const servers: ExecServer[] = [];
  afterEach(async () => {
    for (const session of sessions.splice(0)) session.close();
    for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
  });

  async function serve(script: (peer: ExecPeer) => void | Promise<void>, options = {}): Promise<ExecServer> {
    const server = await ExecServer.start(script, options);
    servers.push(server);
    return server;
  }
  async function open(server: { url: string }, options: ExecOptions = {}): Promise<ExecSession> {
    const endpoint = { baseUrl: server.url, headers: async () => ({ authorization: 'Bearer t' }), signal: stop.signal };
    const session = await startExec(endpoint, request, options);
    sessions.push(session);
    return session;
  }
  const runs = async (script: (peer: ExecPeer) => void | Promise<void>, options: ExecOptions = {}) =>
    open(await serve(script), options);

  it('is asked for as the API says, with the credentials of the client', async () => {
    const server = await serve((peer) => peer.exit(0));
    await (await open(server)).outcome;
    const [peer] = server.peers;
    expect(peer?.url.pathname).toBe('/api/v1/namespaces/ns/pods/p/exec');
    expect([...(peer?.url.searchParams ?? [])]).toEqual([
      ['container', 'c'],
      ['stdin', 'true'],
      ['stdout', 'true'],
      ['stderr', 'true'],
      ['command', 'echo'],
      ['command', 'a b&c'],
    ]);
    expect(peer?.headers.authorization).toBe('Bearer t');
    expect(peer?.protocol).toBe('v5.channel.k8s.io');
  });

  it('gives output, errors and exit status apart from one another, whatever the bytes are', async () => {
    const bytes = randomBytes(200_000);
    const session = await runs((peer) => {
      peer.send(1, '');
      for (let at = 0; at < bytes.length; at += 999) peer.send(1, bytes.subarray(at, at + 999));
      peer.send(2, 'err');
      peer.exit(7);
    });
    const [out, err] = await Promise.all([readAll(session), text(session.stderr)]);
    expect(out.equals(bytes)).toBe(true);
    expect(err).toBe('err');
    expect(await session.outcome).toEqual({ state: 'exited', exitCode: 7 });
  });

  it('keeps output that its status has overtaken', async () => {
    const session = await runs((peer) => {
      peer.status(exitStatus(0));
      peer.send(1, 'late');
      peer.socket.close();
    });
    expect(await text(session.stdout)).toBe('late');
    expect(await session.outcome).toEqual({ state: 'exited', exitCode: 0 });
  });

  it('settles on its status although the server never closes', async () => {
    const session = await runs((peer) => peer.status(exitStatus(3)));
    expect(await session.outcome).toEqual({ state: 'exited', exitCode: 3 });
  });

  it('is unknown when the connection is closed without a status, in an orderly way or not', async () => {
    for (const end of [(peer: ExecPeer) => peer.socket.close(1000, 'bye'), (peer: ExecPeer) => peer.raw.destroy()]) {
      const session = await runs((peer) => {
        peer.send(1, 'half');
        peer.socket.once('pong', () => end(peer)).ping();
      });
      expect(await text(session.stdout)).toBe('half');
      expect(await session.outcome).toMatchObject({ state: 'unknown', reason: 'closed' });
    }
  });

  it('is unknown when the server says that something failed on the way, or says what nobody understands', async () => {
    const failure = { status: 'Failure', reason: 'InternalError', message: 'container not found ("c")', code: 500 };
    for (const [status, message] of [
      [failure, 'container not found ("c")'],
      [
        {
          status: 'Failure',
          reason: 'NonZeroExitCode',
          message: 'odd',
          details: { causes: [{ reason: 'ExitCode', message: 'x' }] },
        },
        'odd',
      ],
      ['what', 'what'],
    ] as const) {
      const session = await runs((peer) => {
        peer.status(status);
        peer.socket.close();
      });
      expect(await session.outcome).toMatchObject({ state: 'unknown', message: expect.stringContaining(message) });
    }
  });

  it('settles once: a status that was heard is not taken back by how the connection ends', async () => {
    const session = await runs((peer) => {
      peer.status(exitStatus(4));
      peer.status(exitStatus(0));
      peer.raw.destroySoon();
    });
    expect(await session.outcome).toEqual({ state: 'exited', exitCode: 4 });
    session.close();
    expect(await session.outcome).toEqual({ state: 'exited', exitCode: 4 });
  });

  it('notices a connection on which nothing comes any more, though nobody closed it', async () => {
    const session = await runs((peer) => void peer.raw.pause(), { pingMs: 20, silenceMs: 100 });
    expect(await session.outcome).toMatchObject({ state: 'unknown', reason: 'silent' });
  });

  it('keeps a connection alive that a proxy would drop for being idle', async () => {
    const server = await serve((peer) => {
      void peer.stdinEnded.then(() => peer.exit(0));
    });
    const proxy = await idleProxy(server.url, 150);
    try {
      const idle = await open(proxy, { pingMs: 60_000 });
      expect(await idle.outcome).toMatchObject({ state: 'unknown', reason: 'closed' });
      const pinged = await open(proxy, { pingMs: 25 });
      // As many pings as the proxy's patience would have taken several times over.
      await eventually('pings through the proxy', () => proxy.chunks() >= 40);
      await pinged.endStdin();
      expect(await pinged.outcome).toEqual({ state: 'exited', exitCode: 0 });
    } finally {
      await proxy.close();
    }
  });

  it('ends at its deadline, and when its caller or the client goes', async () => {
    const session = await runs(() => undefined, { deadlineMs: 30 });
    expect(await session.outcome).toMatchObject({ state: 'unknown', reason: 'deadline' });
    const abort = new AbortController();
    const aborted = await runs(() => undefined, { signal: abort.signal });
    abort.abort();
    expect(await aborted.outcome).toMatchObject({ state: 'unknown', reason: 'caller' });
    await expect(aborted.write(Buffer.from('x'))).rejects.toThrow(ExecEndedError);
  });

  it('ends with its container, whether or not the connection noticed', async () => {
    let tell: (message: string) => void = () => undefined;
    let watching = 0;
    const fate: ContainerFate = (gone) => {
      watching++;
      tell = gone;
      return { [Symbol.dispose]: () => void watching-- };
    };
    const session = await runs(() => undefined, { fate });
    tell('the Pod was evicted: low on memory');
    expect(await session.outcome).toEqual({
      state: 'unknown',
      reason: 'container',
      message: 'the Pod was evicted: low on memory',
    });
    const gone = await runs(() => undefined, {
      fate: (tellNow) => {
        tellNow('gone before');
        return fate(() => undefined);
      },
    });
    expect(await gone.outcome).toMatchObject({ reason: 'container', message: 'gone before' });
    expect(watching).toBe(0);
  });

  it('closes stdin alone with v5, and says that v4 cannot', async () => {
    const script = async (peer: ExecPeer) => {
      await peer.stdinEnded;
      peer.send(1, peer.stdin());
      peer.exit(0);
    };
    const session = await runs(script);
    await session.write(Buffer.from('to the end'));
    await session.endStdin();
    expect(await text(session.stdout)).toBe('to the end');
    const old = await open(await serve(script, { protocols: ['v4.channel.k8s.io'] }));
    expect(old.protocol).toBe('v4');
    await expect(old.endStdin()).rejects.toThrow(ExecUnsupportedError);
  });

  it('takes no more from the connection than its reader takes, and loses nothing of it', async () => {
    const total = 64 * 1024 * 1024;
    let sent = 0;
    const session = await runs(async (peer) => {
      const frame = Buffer.alloc(64 * 1024, 'x');
      for (; sent < total; sent += frame.length) {
        peer.send(1, frame);
        while (peer.socket.bufferedAmount > 1024 * 1024) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      peer.exit(0);
    });
    let seen = -1;
    // What the kernel's buffers take is taken; then nothing moves until somebody reads.
    await eventually('the server to wait', async () => {
      const still = sent === seen && sent > 0;
      seen = sent;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return still && sent === seen;
    });
    expect(sent).toBeLessThan(total / 2);
    let got = 0;
    for await (const chunk of session.stdout as AsyncIterable<Buffer>) got += chunk.length;
    expect(got).toBe(total);
    expect(await session.outcome).toEqual({ state: 'exited', exitCode: 0 });
  });

  it('makes a writer wait while the command does not read, and tells it when it never will', async () => {
    const server = await serve((peer) => void peer.raw.pause());
    const session = await open(server);
    const chunk = Buffer.alloc(1024 * 1024);
    let done = 0;
    const writing = (async () => {
      for (; done < 64; done++) await session.write(chunk);
    })();
    const outcome = expect(writing).rejects.toThrow(ExecEndedError);
    let seen = -1;
    await eventually('the writer to wait', async () => {
      const still = done === seen && done > 0;
      seen = done;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return still && done === seen;
    });
    expect(done).toBeLessThan(32);
    server.peers[0]?.raw.destroy();
    await outcome;
    expect(await session.outcome).toMatchObject({ state: 'unknown' });
  });

  it('cannot be started where the server refuses, and says why', async () => {
    const body = { kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403, message: 'pods "p" is forbidden' };
    const server = await serve(() => undefined, { refuse: { code: 403, body } });
    await expect(open(server)).rejects.toMatchObject({
      name: 'KubeError',
      code: 403,
      reason: 'Forbidden',
      message: body.message,
    });
    await expect(open(await serve(() => undefined, { refuse: { code: 502 } }))).rejects.toMatchObject({ code: 502 });
    const mute = await serve(() => undefined, { refuse: 'never' });
    await expect(open(mute, { connectMs: 50 })).rejects.toMatchObject({ name: 'KubeUnreachableError' });
    const abort = new AbortController();
    const waiting = open(mute, { signal: abort.signal });
    abort.abort(new Error('no longer wanted'));
    await expect(waiting).rejects.toThrow('no longer wanted');
    await eventually('connections to be closed', () => mute.connections === 0);
    await expect(open({ url: 'http://127.0.0.1:1' })).rejects.toMatchObject({ name: 'KubeUnreachableError', kind: 'connection' });
  });

  it('leaves no connection behind, however it ended', async () => {
    const server = await serve((peer) => {
      if (server.peers.length % 2) peer.exit(0);
      else peer.raw.destroy();
    });
    for (let i = 0; i < 4; i++) await (await open(server)).outcome;
    const given = await open(await serve(() => undefined));
    given.close();
    await given.outcome;
    await eventually('connections to be closed', () => servers.every(({ connections }) => connections === 0));
  });

  describe('run to its end as a script', () => {
    const script = async (server: ExecServer, options = {}) =>
      execScript(
        (what, given) =>
          startExec({ baseUrl: server.url, headers: async () => ({}), signal: stop.signal }, { ...request, ...what }, given),
        'true',
        ['x'],
        {
          deadlineMs: PATIENCE_MS,
          ...options,
        },
      );
    const proofOf = (peer: ExecPeer) => peer.url.searchParams.getAll('command')[3];

    it('gives its output when that is whole', async () => {
      const server = await serve((peer) => {
        peer.send(1, `out\n${proofOf(peer)}`);
        peer.send(1, ' 5\n');
        peer.exit(5);
      });
      expect(await script(server)).toEqual({ exitCode: 5, stdout: Buffer.from('out'), stderr: '' });
      expect(server.peers[0]?.url.searchParams.getAll('command').slice(4)).toEqual(['x']);
    });

    it('is unknown when the end of its output is missing, though the status says success', async () => {
      for (const kept of [0, 3, 12]) {
        const server = await serve((peer) => {
          peer.send(1, `out\n${proofOf(peer)} 0\n`.slice(0, kept));
          peer.exit(0);
        });
        await expect(script(server)).rejects.toMatchObject({ name: 'ExecUnknownError', reason: 'truncated' });
      }
      const lost = await serve((peer) => peer.socket.close());
      await expect(script(lost)).rejects.toThrow(ExecUnknownError);
    });

    it('refuses more output than was asked for', async () => {
      const server = await serve((peer) => {
        peer.send(1, `${'x'.repeat(200)}\n${proofOf(peer)} 0\n`);
        peer.exit(0);
      });
      await expect(script(server, { maxBytes: 100 })).rejects.toThrow(RangeError);
    });
  });
});

async function readAll(session: ExecSession): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of session.stdout as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A proxy that closes a connection on which the client sent nothing for a while. */
async function idleProxy(target: string, patienceMs: number) {
  const sockets = new Set<Socket>();
  let chunks = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(target).port), '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          client.destroy();
          upstream.destroy();
        });
    }
    let last = 0;
    // What has arrived while this process had no time is no silence: it is read before the connection is judged.
    client.setTimeout(patienceMs, () => {
      const before = last;
      setImmediate(() => {
        if (last === before) client.destroy();
      });
    });
    client.on('data', (data) => {
      last = ++chunks;
      upstream.write(data);
    });
    // What comes back does not count as activity: only writing resets a socket's timer as reading does.
    upstream.on('data', (data) => client.write(data));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    chunks: () => chunks,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
