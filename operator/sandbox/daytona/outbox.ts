/** Lines on their way into a sandbox: in order, and all that wait in one request. */
import { ChannelClosedError } from '../transport.ts';

/** Lines that are sent in one request: a pipe takes as many of the longest. */
const BATCH_LINES = 8;

type Waiting = { line: string; done: () => void; failed: (error: unknown) => void };

export class Outbox {
  readonly #write: (data: string) => Promise<void>;
  readonly #onFailed: () => void;
  readonly #waiting: Waiting[] = [];
  #sending = false;
  #closed: ChannelClosedError | undefined;

  /**
   * @param write hands over whole lines; what it did is unknown when it fails, so that nothing is sent after that
   * @param onFailed hears of that
   */
  constructor(write: (data: string) => Promise<void>, onFailed: () => void) {
    this.#write = write;
    this.#onFailed = onFailed;
  }

  /** Resolves when the line was handed over. @throws ChannelClosedError */
  async send(line: string): Promise<void> {
    if (this.#closed) throw this.#closed;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ line, done: resolve, failed: reject });
    if (!this.#sending) void this.#sendAll();
    return promise;
  }

  /** Sends nothing more; who waits is told why. */
  close(error: ChannelClosedError): void {
    this.#closed ??= error;
    for (const { failed } of this.#waiting.splice(0)) failed(error);
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    while (this.#waiting.length > 0 && !this.#closed) {
      const batch = this.#waiting.splice(0, BATCH_LINES);
      try {
        await this.#write(batch.map(({ line }) => `${line}\n`).join(''));
        for (const { done } of batch) done();
      } catch (cause) {
        // Part of it may have arrived.
        const error = new ChannelClosedError('the connection to the sandbox was lost', { cause });
        for (const { failed } of batch) failed(error);
        this.#onFailed();
      }
    }
    this.#sending = false;
  }
}
