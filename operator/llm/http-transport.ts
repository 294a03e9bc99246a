/**
 * `fetch` for model calls, over node:http. The built-in one would do but for three things: its limits for a silent
 * server cannot be set, it does not say when bytes arrive (a queueing server sends comments that no event shows), and it
 * costs twice the CPU time per call.
 */
import type { Agent, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Agent as HttpAgent, request as httpRequest } from '../node-http.ts';
import { lookupElsewhere, type Resolve, refuseLinkLocal } from './link-local.ts';

export type Deadlines = {
  /** From the request to the first byte of the answer, in ms. */
  firstByteMs: number;
  /** Between two pieces of the answer, in ms. */
  idleMs: number;
  /** For the whole answer, in ms. */
  answerMs: number;
};

export const DEFAULT_DEADLINES: Deadlines = { firstByteMs: 120_000, idleMs: 120_000, answerMs: 30 * 60_000 };

/** The server was silent for too long. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/** The connection failed; `code` is the system's or TLS's name for it. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: string;
  constructor(cause: NodeJS.ErrnoException) {
    super(cause.message, { cause });
    this.code = cause.code ?? '';
  }
}

/** The answer was longer than any that a model gives. */
export class AnswerTooLongError extends Error {
  override readonly name = 'AnswerTooLongError';
}

/** Of one answer, streamed or not: several times what the longest answers of today's models come to. */
export const MOST_ANSWER_BYTES = 64 << 20;
/** Of an answer that is none (a status other than 2xx): enough for every reason that a server gives. */
export const MOST_FAILURE_BYTES = 64 << 10;

/** Nothing else leaves: the SDK would add headers about this machine and from its own environment variables. */
const HEADERS_SENT = new Set([
  'accept',
  'anthropic-version',
  'api-key',
  'authorization',
  'content-type',
  'user-agent',
  'x-goog-api-key',
]);
const KEEP_ALIVE_MS = 60_000;
const NO_BODY = new Set([204, 205, 304]);

export class HttpTransport {
  readonly #deadlines: Deadlines;
  readonly #http: Agent;
  readonly #https: HttpsAgent;

  /**
   * @param proxyEnv HTTP_PROXY, HTTPS_PROXY and NO_PROXY, when they shall be honoured
   * @param resolve finds the addresses of a name; by default the system does
   */
  constructor(deadlines: Partial<Deadlines> = {}, proxyEnv?: Record<string, string | undefined>, resolve?: Resolve) {
    this.#deadlines = { ...DEFAULT_DEADLINES, ...deadlines };
    const lookup = lookupElsewhere(resolve);
    const options = { keepAlive: true, timeout: KEEP_ALIVE_MS, lookup, ...(proxyEnv && { proxyEnv }) };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  /** Closes idle connections; those in use end with their calls. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  /** Follows no redirect: a key goes only where the profile says. */
  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    // Connecting to an address asks no lookup.
    refuseLinkLocal(url);
    const { body, method = 'GET', signal } = init;
    if (body !== undefined && body !== null && typeof body !== 'string') throw new TypeError('only text bodies are sent');
    const headers: Record<string, string> = {};
    for (const [name, value] of new Headers(init.headers)) if (HEADERS_SENT.has(name)) headers[name] = value;
    if (body) headers['content-length'] = String(Buffer.byteLength(body));
    const secure = url.protocol === 'https:';
    const options: RequestOptions = { method, headers, agent: secure ? this.#https : this.#http };
    return new Promise((resolve, reject) =>
      this.#send(url, options, body ?? undefined, signal ?? undefined, true, resolve, reject),
    );
  };

  #send(
    url: URL,
    options: RequestOptions,
    body: string | undefined,
    signal: AbortSignal | undefined,
    mayRepeat: boolean,
    resolve: (response: Response) => void,
    reject: (error: unknown) => void,
  ): void {
    const watch = new Watch(this.#deadlines, () => request.destroy());
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options);
    const abort = () => request.destroy(new DOMException('aborted', 'AbortError'));
    const settle = () => {
      watch.stop();
      signal?.removeEventListener('abort', abort);
    };
    let answered = false;
    request.once('response', (response) => {
      answered = true;
      try {
        resolve(asResponse(response, watch));
      } catch (error) {
        request.destroy();
        reject(error);
      }
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      settle();
      if (answered) return;
      // The server closed an idle connection in the moment it was used again: it has not seen this request.
      if (mayRepeat && request.reusedSocket && error.code === 'ECONNRESET' && !signal?.aborted && !watch.expired) {
        this.#send(url, options, body, signal, false, resolve, reject);
      } else {
        reject(watch.expired ?? new ConnectionError(error));
      }
    });
    request.once('close', settle);
    if (signal?.aborted) {
      abort();
      return;
    }
    signal?.addEventListener('abort', abort, { once: true });
    request.end(body);
  }
}

/** Looks after the deadlines of one call with one timer. */
class Watch {
  /** Why the call was ended, once a deadline has passed. */
  expired: DeadlineError | undefined;
  readonly #deadlines: Deadlines;
  readonly #end: () => void;
  readonly #started = performance.now();
  #timer: NodeJS.Timeout;

  constructor(deadlines: Deadlines, end: () => void) {
    this.#deadlines = deadlines;
    this.#end = end;
    const { firstByteMs } = deadlines;
    this.#timer = setTimeout(() => this.#expire(`no answer began within ${seconds(firstByteMs)}`), firstByteMs);
  }

  /** The first bytes have come. */
  begin(): void {
    clearTimeout(this.#timer);
    const { idleMs } = this.#deadlines;
    this.#timer = setTimeout(() => this.#expire(`the answer stopped for ${seconds(idleMs)}`), idleMs);
  }

  progress(): void {
    this.#timer.refresh();
    const { answerMs } = this.#deadlines;
    if (performance.now() - this.#started > answerMs) this.#expire(`the answer was not complete within ${seconds(answerMs)}`);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #expire(message: string): void {
    this.expired ??= new DeadlineError(message);
    this.#end();
  }
}

function asResponse(incoming: IncomingMessage, watch: Watch): Response {
  const status = incoming.statusCode ?? 0;
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) if (typeof value === 'string') headers.set(name, value);
  const init = { status, statusText: incoming.statusMessage ?? '', headers };
  if (NO_BODY.has(status)) {
    incoming.resume();
    return new Response(null, init);
  }
  const failed = status < 200 || status >= 300;
  let left = failed ? MOST_FAILURE_BYTES : MOST_ANSWER_BYTES;
  let begun = false;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      incoming.on('data', (chunk: Buffer) => {
        if (begun) watch.progress();
        else watch.begin();
        begun = true;
        if (chunk.length > left) {
          incoming.removeAllListeners('data').destroy();
          if (failed) {
            controller.enqueue(chunk.subarray(0, left));
            controller.close();
          } else controller.error(new AnswerTooLongError(`the answer is longer than ${MOST_ANSWER_BYTES >> 20} MiB`));
          return;
        }
        left -= chunk.length;
        controller.enqueue(chunk);
        if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
      });
      incoming.once('end', () => controller.close());
      incoming.once('error', (error) => controller.error(watch.expired ?? new ConnectionError(error)));
    },
    pull() {
      incoming.resume();
    },
    cancel() {
      incoming.destroy();
    },
  });
  return new Response(body, init);
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${Math.round(ms / 1_000)} s`;
}
