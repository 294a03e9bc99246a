/** What is outside of a cluster and reached from its Pods: a scripted model, and a git server with TLS. */
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { type GitHttpServer, startGitHttpServer } from '../support/git-http-server.ts';
import { makeRepository } from '../support/git-repository.ts';
import { startModelServer } from '../support/model-server.ts';
import { ScriptedSessions } from '../support/scripted-sessions.ts';

export const GIT_TOKEN = 'git-token-of-a-test';

export class Outside implements AsyncDisposable {
  readonly model: ScriptedSessions;
  /** PEM of the authority that the git server's certificate is of. */
  readonly authority: string;
  /** With /v1. */
  readonly modelUrl: string;
  /** Host and port of the git server. */
  readonly gitHost: string;
  readonly #folder: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: { authority: string; gitHost: string; folder: string; stack: AsyncDisposableStack }, model: Model) {
    this.authority = parts.authority;
    this.gitHost = parts.gitHost;
    this.#folder = parts.folder;
    this.#stack = parts.stack;
    this.model = model.sessions;
    this.modelUrl = model.url;
  }

  /**
   * @param address of this machine, as Pods reach it
   * @param folder for the repositories
   */
  static async open(address: string, folder: string): Promise<Outside> {
    const stack = new AsyncDisposableStack();
    try {
      const certificate = await generate([{ name: 'commonName', value: address }], {
        keyType: 'ec',
        curve: 'P-256',
        algorithm: 'sha256',
        extensions: [
          { name: 'basicConstraints', cA: true },
          { name: 'subjectAltName', altNames: [{ type: 7, ip: address }] },
        ],
      });
      mkdirSync(folder, { recursive: true });
      const tls = { key: certificate.private, cert: certificate.cert };
      const git: GitHttpServer = stack.use(await startGitHttpServer({ root: folder, tls, token: GIT_TOKEN }));
      const sessions = new ScriptedSessions();
      const server = await startModelServer((request) => sessions.answer(request));
      stack.defer(() => server.close());
      const modelPort = await relay(address, Number(new URL(server.baseUrl).port), stack);
      const gitHost = `${address}:${await relay(address, git.port, stack)}`;
      const model = { sessions, url: `http://${address}:${modelPort}/v1` };
      return new Outside({ authority: certificate.cert, gitHost, folder, stack }, model);
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  }

  /** A bare repository on the git server. */
  async repository(name: string): Promise<{ url: string; folder: string }> {
    const folder = join(this.#folder, `${name}.git`);
    await makeRepository(folder, [{ files: { 'README.md': 'Greets.\n' } }], { bare: true });
    return { url: `https://${this.gitHost}/${name}.git`, folder };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

type Model = { sessions: ScriptedSessions; url: string };

/** Passes what comes to the address on to a port of the loopback. @returns the port of the address */
async function relay(address: string, port: number, stack: AsyncDisposableStack): Promise<number> {
  const sockets = new Set<Socket>();
  const listener = createServer((incoming) => {
    const outgoing = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => sockets.delete(one));
      one.pipe(other);
    }
  });
  listener.listen(0, address);
  await once(listener, 'listening');
  stack.defer(async () => {
    const closed = once(listener, 'close');
    listener.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return (listener.address() as AddressInfo).port;
}
