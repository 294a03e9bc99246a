/**
 * A Daytona of our own for tests: control plane and toolboxes behind one address, sandboxes as folders with real processes.
 * It refuses what the service refuses, passes through the service's states, and has the faults that a test asks for.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { ControlPlane, type TestSandbox } from './control-plane.ts';
import { HttpError, sendError } from './http.ts';
import { API_ROUTES, type Operation, routeOf, TOOLBOX_ROUTES } from './routes.ts';

/**
 * What happens to a request: `error` is its answer; `lost` has it done and the connection broken before the answer;
 * `silent` has it done and never answered; `before` has something happen first.
 */
export type Fault =
  | { kind: 'error'; error: HttpError }
  | { kind: 'lost' }
  | { kind: 'silent' }
  | { kind: 'before'; happens: () => void };

export class DaytonaServer {
  readonly folder: string;
  readonly control: ControlPlane;
  /** The key that is accepted. */
  apiKey = 'dtn_test';
  /** Whether connections that follow a log are refused, as by a proxy that knows no WebSockets. */
  refusesWebSockets = false;
  /** Whether connections that follow a log are taken and nothing ever comes over them, as from a proxy that buffers. */
  mutesWebSockets = false;
  /** Whether connections that follow a log are taken and never answered. */
  stallsWebSockets = false;
  /** Where clients find it when something stands in between, as `http://host:port`. */
  seenAt: string | undefined;
  /** Hears everything that comes in as it comes, heads of requests and bodies alike. */
  hears: ((bytes: Buffer) => void) | undefined;
  /** How often each operation was asked for; `follow` counts the WebSockets. */
  readonly asked = new Map<Operation | 'follow', number>();
  readonly #underWay = new Map<Operation, number>();
  readonly #faults = new Map<Operation, Fault[]>();
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #connections = new Set<Socket>();
  readonly #muted = new WeakSet<WebSocket>();
  readonly #following = new Set<Duplex>();

  private constructor(folder: string) {
    this.folder = folder;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      if (this.hears) socket.on('data', this.hears);
      socket.once('close', () => this.#connections.delete(socket));
    });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => this.#upgrade(request, socket, head));
    this.control = new ControlPlane(this.folder, () => `${this.seenAt ?? this.#origin}/toolbox`);
  }

  /** @param folder where everything goes; a new one when left out */
  static async start(folder = mkdtempSync(join(tmpdir(), 'daytona-'))): Promise<DaytonaServer> {
    const server = new DaytonaServer(folder);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  /** The address that DAYTONA_API_URL names. */
  get url(): string {
    return `${this.#origin}/api`;
  }

  /** Has the fault happen to the next request of an operation; further ones queue up. */
  next(operation: Operation, fault: Fault): void {
    this.#faults.set(operation, [...(this.#faults.get(operation) ?? []), fault]);
  }

  timesAsked(operation: Operation | 'follow'): number {
    return this.asked.get(operation) ?? 0;
  }

  /** Breaks every WebSocket there is. */
  cutWebSockets(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  /** Has nothing more come over the WebSockets that there are, which stay. */
  muteWebSockets(): void {
    for (const socket of this.#sockets.clients) this.#muted.add(socket);
  }

  /** Has the silent ones say a word so short that a client may still wait for the rest of it. Resolves with how many. */
  async whisper(): Promise<number> {
    const muted = [...this.#sockets.clients].filter((socket) => this.#muted.has(socket));
    await Promise.all(muted.map((socket) => new Promise((resolve) => socket.send('\x01\x01\x01X', resolve))));
    return muted.length;
  }

  /** How many connections that follow a log there are, those included that are not answered. */
  get following(): number {
    return this.#following.size;
  }

  /** How many requests of an operation wait for their answer. */
  underWay(operation: Operation): number {
    return this.#underWay.get(operation) ?? 0;
  }

  /** Ends everything. @throws when a process stays behind */
  async close(): Promise<void> {
    await this.control.close();
    this.cutWebSockets();
    for (const socket of this.#connections) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  get #origin(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the Daytona server does not listen');
    return `http://127.0.0.1:${(address satisfies AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.#origin);
    const source = pathname.startsWith('/toolbox/') ? 'daemon' : 'api';
    try {
      this.#authenticate(request);
      const method = request.method ?? 'GET';
      if (source === 'api') {
        const found = routeOf(API_ROUTES, method, pathname.replace(/^\/api/, ''));
        if (!found) throw new HttpError(404, `Cannot ${method} ${pathname}`);
        await this.#done(found.route.operation, response, (reply) =>
          this.control.answer(found.route.operation, found.params, searchParams, request, reply),
        );
      } else {
        const [, , id = '', ...rest] = pathname.split('/');
        const found = routeOf(TOOLBOX_ROUTES, method, `/${rest.join('/')}`);
        if (!found) throw new HttpError(404, `Cannot ${method} ${pathname}`);
        await this.#done(found.route.operation, response, async (reply) =>
          this.control.running(id).toolbox.answer(found.route.operation, found.params, request, reply),
        );
      }
    } catch (error) {
      if (response.headersSent || response.destroyed) return;
      sendError(request, response, error instanceof HttpError ? error : new HttpError(500, String(error)), source);
    }
  }

  async #done(operation: Operation, response: ServerResponse, work: (reply: ServerResponse) => Promise<void>): Promise<void> {
    this.asked.set(operation, this.timesAsked(operation) + 1);
    const fault = this.#faults.get(operation)?.shift();
    if (fault?.kind === 'error') throw fault.error;
    this.#underWay.set(operation, this.underWay(operation) + 1);
    response.once('close', () => this.#underWay.set(operation, this.underWay(operation) - 1));
    if (fault?.kind === 'before') fault.happens();
    if (fault === undefined || fault.kind === 'before') return work(response);
    // Done as ever, with an answer that nobody gets.
    await work(new ServerResponse(response.req));
    if (fault.kind === 'lost') response.socket?.destroy();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refuse = (line: string): void => {
      socket.end(`HTTP/1.1 ${line}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    };
    socket.on('error', () => undefined);
    this.#following.add(socket);
    socket.once('close', () => this.#following.delete(socket));
    const { pathname } = new URL(request.url ?? '/', this.#origin);
    const [, , id = '', ...rest] = pathname.split('/');
    const found = routeOf(TOOLBOX_ROUTES, 'GET', `/${rest.join('/')}`);
    const [session = '', command = ''] = found?.params ?? [];
    this.asked.set('follow', this.timesAsked('follow') + 1);
    if (this.stallsWebSockets) {
      socket.resume().once('end', () => socket.end());
      return;
    }
    let sandbox: TestSandbox;
    try {
      if (this.refusesWebSockets) throw new HttpError(403, 'no WebSockets');
      this.#authenticate(request);
      sandbox = this.control.running(id);
    } catch (error) {
      refuse(`${error instanceof HttpError ? error.status : 500} Refused`);
      return;
    }
    if (found?.route.operation !== 'getSessionCommandLogs') {
      refuse('404 Not Found');
      return;
    }
    sandbox.toolbox.sessions.exitCode(session, command).then(
      () =>
        this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
          webSocket.on('error', () => undefined);
          if (this.mutesWebSockets) this.#muted.add(webSocket);
          const isMute = (): boolean => this.#muted.has(webSocket);
          sandbox.toolbox.sessions.follow(session, command, webSocket, isMute).catch(() => webSocket.terminate());
        }),
      () => refuse('404 Not Found'),
    );
  }

  #authenticate(request: IncomingMessage): void {
    if (request.headers.authorization !== `Bearer ${this.apiKey}`) throw new HttpError(401, 'Invalid credentials');
  }
}
