/** A stream of server-sent events that a slow or vanished reader cannot make grow. */
import { once } from 'node:events';
import type { Response } from 'express';

/** How often a silent stream says that it is alive, in milliseconds. */
const HEARTBEAT_MS = 15_000;
/** How long a reader that takes nothing is waited for, in milliseconds. */
const STALLED_MS = 60_000;

export class EventStream {
  readonly #response: Response;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #ended = new AbortController();

  /** Sends the headers. The stream ends when `signal` aborts. */
  constructor(response: Response, signal: AbortSignal) {
    this.#response = response;
    response.status(200).set({
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-cache, no-transform',
      // Proxies that buffer would hold events back.
      'X-Accel-Buffering': 'no',
    });
    response.socket?.setNoDelay(true);
    response.write('retry: 2000\n\n');
    this.#heartbeat = setInterval(() => {
      if (!response.writableNeedDrain) response.write(': alive\n\n');
    }, HEARTBEAT_MS);
    response.once('close', () => this.#end());
    signal.addEventListener('abort', () => this.#end(), { once: true });
    if (signal.aborted) this.#end();
  }

  /** Aborts when the stream has ended, whoever ended it. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Resolves when the reader can take more. @throws when the stream has ended */
  async send(event: { id?: number; event: string; data: unknown }): Promise<void> {
    await this.sendText({ ...event, text: JSON.stringify(event.data) });
  }

  /** The same with JSON that is made already. */
  async sendText(event: { id?: number | string; event: string; text: string }): Promise<void> {
    this.signal.throwIfAborted();
    const id = event.id === undefined ? '' : `id: ${event.id}\n`;
    const more = this.#response.write(`${id}event: ${event.event}\ndata: ${event.text}\n\n`);
    if (more) return;
    const stalled = AbortSignal.timeout(STALLED_MS);
    try {
      await once(this.#response, 'drain', { signal: AbortSignal.any([this.signal, stalled]) });
    } catch (error) {
      // It comes back where it stopped: Last-Event-ID.
      if (stalled.aborted) this.#response.destroy();
      throw error;
    }
  }

  end(): void {
    this.#end();
  }

  #end(): void {
    if (this.#ended.signal.aborted) return;
    clearInterval(this.#heartbeat);
    this.#ended.abort(new Error('the stream has ended'));
    this.#response.end();
  }
}
