import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** What lies between a client and a server: a test can hold it, cut it, or lose an answer on it. */
export class Line {
  readonly #open: () => Socket;
  readonly #server: Server;
  readonly #pairs = new Set<{ client: Socket; upstream: Socket }>();
  #state: 'passing' | 'held' | 'refusing' = 'passing';
  #losing: (() => void) | undefined;

  /** @param open connects to what is behind the line */
  constructor(open: () => Socket) {
    this.#open = open;
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
    const upstream = this.#open();
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
