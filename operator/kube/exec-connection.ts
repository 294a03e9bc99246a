/** One running exec: the channels of its websocket as streams, and the one moment at which it settles. */
import { Readable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { ExecOptions, ExecSession, ExecTimes } from './exec.ts';
import { ExecEndedError, type ExecOutcome, ExecUnsupportedError, outcomeOfStatus, type UnknownReason } from './exec-outcome.ts';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const CLOSE = 255;

/** What a stream holds before the connection is paused. */
const READ_AHEAD_BYTES = 256 * 1024;
/** What may wait to be sent before writers wait. */
const SEND_AHEAD_BYTES = 256 * 1024;
const FRAME_BYTES = 32 * 1024;
/** After its status a server closes. One that does not is left; output that was overtaken by the status has this long. */
const AFTER_STATUS_MS = 1000;

/**
 *   open ──status──▶ ending ──closed, or a moment later──▶ settled
 *     └──closed, error, silence, deadline, caller, container─────▲
 */
export class ExecConnection implements ExecSession {
  readonly protocol: 'v5' | 'v4';
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly outcome: Promise<ExecOutcome>;
  readonly #socket: WebSocket;
  readonly #settle: (outcome: ExecOutcome) => void;
  readonly #release: (() => void)[] = [];
  /** Streams whose reader is behind. */
  readonly #full = new Set<Readable>();
  #status: ExecOutcome | undefined;
  #settled = false;
  #lastHeard = performance.now();
  /** Writes go one after another, each as soon as there is room. */
  #sending: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, options: ExecOptions & ExecTimes & { signals: readonly (AbortSignal | undefined)[] }) {
    this.#socket = socket;
    this.protocol = socket.protocol.startsWith('v5') ? 'v5' : 'v4';
    const { promise, resolve } = Promise.withResolvers<ExecOutcome>();
    this.outcome = promise;
    this.#settle = resolve;
    this.stdout = this.#stream();
    this.stderr = this.#stream();

    socket.on('message', (data, isBinary) => this.#take(data, isBinary));
    socket.on('pong', () => this.#heard());
    socket.on('ping', () => this.#heard());
    socket.on('error', (error) => this.#unknown('error', `the connection broke: ${error.message}`));
    socket.on('close', (code, reason) => {
      const said = reason.length > 0 ? `, saying: ${reason.toString().slice(0, 200)}` : '';
      this.#unknown('closed', `the connection was closed without a status (code ${code}${said})`);
    });
    this.#watch(options);
    if (socket.readyState === socket.OPEN) socket.resume();
    else this.#unknown('closed', 'the connection was closed without a status');
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#inTurn(async () => {
      for (let from = 0; from < bytes.length; from += FRAME_BYTES) {
        await this.#send(STDIN, bytes.subarray(from, from + FRAME_BYTES));
      }
    });
  }

  async endStdin(): Promise<void> {
    if (this.protocol === 'v4') {
      throw new ExecUnsupportedError('this API server cannot end the input of a command without ending the connection');
    }
    await this.#inTurn(() => this.#send(CLOSE, Uint8Array.of(STDIN)));
  }

  close(): void {
    this.#unknown('caller', 'the connection was given up');
  }

  #watch({
    pingMs,
    silenceMs,
    deadlineMs,
    fate,
    signals,
  }: ExecOptions & ExecTimes & { signals: readonly (AbortSignal | undefined)[] }): void {
    const pings = setInterval(() => {
      // While nothing is taken from the connection, nothing can be heard on it.
      if (this.#socket.isPaused) this.#heard();
      const silent = performance.now() - this.#lastHeard;
      if (silent > silenceMs) this.#unknown('silent', `the server said nothing for ${Math.round(silent / 1000)} s`);
      else this.#socket.ping();
    }, pingMs);
    this.#release.push(() => clearInterval(pings));
    if (deadlineMs !== undefined) {
      const late = setTimeout(
        () => this.#unknown('deadline', `the command did not end within ${deadlineMs / 1000} s`),
        deadlineMs,
      );
      this.#release.push(() => clearTimeout(late));
    }
    for (const signal of signals) {
      const onAbort = () => this.close();
      if (signal?.aborted) onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#release.push(() => signal?.removeEventListener('abort', onAbort));
    }
    const watched = fate?.((message) => this.#unknown('container', message));
    if (watched) this.#release.push(() => watched[Symbol.dispose]());
    // What ended while it was being watched for had nothing to release yet.
    if (this.#settled) this.#releaseAll();
  }

  #take(data: RawData, isBinary: boolean): void {
    this.#heard();
    if (this.#settled) return;
    const frame = Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
    if (!isBinary || frame.length === 0) return;
    const channel = frame[0];
    const body = frame.subarray(1);
    // An empty frame only says that the channel is there.
    if (body.length === 0) return;
    if (channel === STATUS) this.#ending(outcomeOfStatus(body.toString('utf8')));
    else if (channel === STDOUT) this.#push(this.stdout, body);
    else if (channel === STDERR) this.#push(this.stderr, body);
  }

  #stream(): Readable {
    const stream: Readable = new Readable({ highWaterMark: READ_AHEAD_BYTES, read: () => this.#wanted(stream) });
    // A reader that goes away must not leave the connection paused for the others.
    return stream.on('close', () => this.#wanted(stream)).on('error', () => undefined);
  }

  #push(stream: Readable, bytes: Buffer): void {
    if (stream.destroyed || stream.push(bytes)) return;
    this.#full.add(stream);
    this.#socket.pause();
  }

  /** Takes from the connection again when both streams have room. */
  #wanted(stream: Readable): void {
    if (!this.#full.delete(stream) || this.#full.size > 0 || this.#settled) return;
    this.#heard();
    this.#socket.resume();
  }

  #heard(): void {
    this.#lastHeard = performance.now();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#sending.then(work);
    this.#sending = result.catch(() => undefined);
    return result;
  }

  /** Resolves when the frame has left, or at once while little is waiting to. */
  async #send(channel: number, body: Uint8Array): Promise<void> {
    if (this.#settled) throw new ExecEndedError('the connection to the command has ended');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.send(Buffer.concat([Uint8Array.of(channel), body]), (error) => {
      if (error) reject(new ExecEndedError('the connection to the command has ended', { cause: error }));
      else resolve();
    });
    if (this.#socket.bufferedAmount < SEND_AHEAD_BYTES) {
      // Should it be lost on the way, the next write says so.
      promise.catch(() => undefined);
      return;
    }
    await promise;
  }

  #ending(status: ExecOutcome): void {
    if (this.#status) return;
    this.#status = status;
    const late = setTimeout(() => this.#finish(status), AFTER_STATUS_MS);
    this.#release.push(() => clearTimeout(late));
  }

  #unknown(reason: UnknownReason, message: string): void {
    // What is known stays known, however the connection ends.
    this.#finish(this.#status ?? { state: 'unknown', reason, message });
  }

  #finish(outcome: ExecOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#releaseAll();
    for (const stream of [this.stdout, this.stderr]) if (!stream.destroyed) stream.push(null);
    this.#socket.terminate();
    this.#settle(outcome);
  }

  #releaseAll(): void {
    for (const release of this.#release.splice(0)) release();
  }
}
