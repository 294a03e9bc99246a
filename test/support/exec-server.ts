/** An API server's exec endpoint, as far as the wire goes: websocket, subprotocol, channels. What happens on it a test decides. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export type ExecPeer = {
  url: URL;
  headers: http.IncomingHttpHeaders;
  protocol: string;
  socket: WebSocket;
  /** The connection itself, to break it or to fall silent. */
  raw: Socket;
  /** What came in on stdin so far. */
  stdin(): Buffer;
  /** Resolves when the client has closed its stdin. */
  stdinEnded: Promise<void>;
  /** Sends bytes on a channel: 1 stdout, 2 stderr. */
  send(channel: number, bytes: string | Uint8Array): void;
  status(status: unknown): void;
  exit(code: number): void;
};

type Script = (peer: ExecPeer) => void | Promise<void>;
/** An answer instead of a websocket; `never` leaves the request without one. */
type Refusal = { code: number; body?: unknown } | 'never';

export class ExecServer implements AsyncDisposable {
  readonly peers: ExecPeer[] = [];
  readonly url: string;
  readonly #server: http.Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: http.Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    });
  }

  /** @param script what happens after the handshake; @param options.protocols those that the server speaks */
  static async start(script: Script, options: { protocols?: readonly string[]; refuse?: Refusal } = {}): Promise<ExecServer> {
    const http1 = http.createServer();
    http1.listen(0, '127.0.0.1');
    await once(http1, 'listening');
    const server = new ExecServer(http1);
    server.#serve(script, options.protocols ?? ['v5.channel.k8s.io', 'v4.channel.k8s.io'], options.refuse);
    return server;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(script: Script, protocols: readonly string[], refuse: Refusal | undefined): void {
    const sockets = new WebSocketServer({
      noServer: true,
      handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
    });
    this.#server.on('upgrade', (request, raw: Socket, head) => {
      if (refuse === 'never') {
        raw.on('end', () => raw.end()).resume();
        return;
      }
      if (refuse) {
        const body = JSON.stringify(refuse.body ?? {});
        raw.end(
          `HTTP/1.1 ${refuse.code} No\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
        );
        return;
      }
      sockets.handleUpgrade(request, raw, head, (socket) => {
        const peer = this.#peer(request, socket, raw);
        this.peers.push(peer);
        void script(peer);
      });
    });
  }

  #peer(request: http.IncomingMessage, socket: WebSocket, raw: Socket): ExecPeer {
    const received: Buffer[] = [];
    const ended = Promise.withResolvers<void>();
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      if (data[0] === 0) received.push(data.subarray(1));
      if (data[0] === 255 && data[1] === 0) ended.resolve();
    });
    const send = (channel: number, bytes: string | Uint8Array) =>
      socket.send(Buffer.concat([Uint8Array.of(channel), Buffer.from(bytes)]));
    const status = (value: unknown) => send(3, JSON.stringify(value));
    return {
      url: new URL(request.url ?? '/', 'http://server'),
      headers: request.headers,
      protocol: socket.protocol,
      socket,
      raw,
      stdin: () => Buffer.concat(received),
      stdinEnded: ended.promise,
      send,
      status,
      exit: (code) => {
        status(exitStatus(code));
        socket.close();
      },
    };
  }
}

/** The status of a command that ended with this exit code. */
export function exitStatus(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: error executing command, exit code ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}
