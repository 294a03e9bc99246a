/** A network in between: everything that goes through arrives later. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export class Distance implements AsyncDisposable {
  /** `http://host:port` at which the far side is found. */
  readonly origin: string;
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets: ReadonlySet<Socket>;

  private constructor(server: ReturnType<typeof createServer>, sockets: ReadonlySet<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /**
   * @param port of 127.0.0.1, the far side's
   * @param roundTripMs what a request and its answer take longer by
   */
  static async to(port: number, roundTripMs: number): Promise<Distance> {
    const sockets = new Set<Socket>();
    const oneWay = (from: Socket, to: Socket) => {
      sockets.add(from.setNoDelay());
      const later = (act: () => void) => setTimeout(act, roundTripMs / 2);
      from.on('data', (chunk: Buffer) => later(() => to.write(chunk)));
      from.on('error', () => undefined);
      from.once('close', () => later(() => to.destroy()));
    };
    const server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      oneWay(near, far);
      oneWay(far, near);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new Distance(server, sockets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
