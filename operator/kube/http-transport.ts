/**
 * One HTTP request to a Kubernetes API server and its answer: deadlines, kept-alive connections, and the retries that
 * cannot do anything twice. Knows nothing of resources.
 */
import type http from 'node:http';
import https from 'node:https';
import { sleep } from '../clock.ts';
import * as plainHttp from '../node-http.ts';
import { backoffMs } from './backoff.ts';
import { KubeError } from './client.ts';
import { kubeErrorOfAnswer } from './status-error.ts';

/** Where an API server is and how to speak to it. */
export type KubeEndpoint = {
  /** For instance https://10.0.0.1:6443 or http://127.0.0.1:8001/prefix. */
  baseUrl: string;
  /** Headers of every request, asked for each time so that a token may change: authorization above all. */
  headers: () => Promise<Record<string, string>>;
  /** Certificate authorities to trust in PEM, instead of those of the system. */
  ca?: string;
  /** Client certificate and its key in PEM. */
  cert?: string;
  key?: string;
  /** Name that the server's certificate must carry, where it is not that of baseUrl. */
  serverName?: string;
  /** Takes any server certificate. */
  insecure?: boolean;
  /** Ends everything that goes through this client. */
  signal: AbortSignal;
};

/** There was no answer: the server could not be reached, the connection broke, or the deadline passed. */
export class KubeUnreachableError extends Error {
  override readonly name = 'KubeUnreachableError';
  /** deadline: no answer in time; idle: a watch fell silent; connection: all else. */
  readonly kind: 'deadline' | 'idle' | 'connection';
  /** Whether the request may have reached the server. */
  readonly sent: boolean;
  constructor(kind: 'deadline' | 'idle' | 'connection', message: string, options: { sent: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.sent = options.sent;
  }
}

export type KubeRequest = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query, below baseUrl. */
  path: string;
  body?: { type: string; text: string };
  /** Whether doing it twice does the same as doing it once. Reads are always so. */
  repeatable?: boolean;
};

/** A request and how it was answered, for metrics: of each try, and of a watch its beginning. */
export type RequestSeen = {
  method: KubeRequest['method'];
  /** Path and query, below baseUrl. */
  path: string;
  /** HTTP status; undefined when there was no answer. */
  status: number | undefined;
  /** Until the answer began. */
  durationMs: number;
  /** The header Warning of the answer. */
  warning?: string | undefined;
};

export type TransportTimes = {
  /** Deadline of a request from its first try to the end of its answer, in milliseconds. */
  requestTimeoutMs: number;
  /** How often a request is tried at most. */
  tries: number;
  /** Wait between tries when the server does not name one. */
  retryBackoff: { baseMs: number; maxMs: number };
};

/** An answer may not be larger than this; a page of the largest objects stays far below. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
/** Failures at a point where nothing was sent yet, so that trying again cannot do anything twice. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN']);

export class HttpTransport {
  readonly endpoint: KubeEndpoint;
  readonly #times: TransportTimes;
  readonly #userAgent: string;
  readonly #base: URL;
  readonly #request: typeof https.request;
  readonly #onRequest: ((seen: RequestSeen) => void) | undefined;
  readonly #agent: http.Agent;
  /** Watches keep their connection for minutes; with an agent of their own they leave the others theirs. */
  readonly #watchAgent: http.Agent;

  constructor(endpoint: KubeEndpoint, times: TransportTimes, userAgent: string, onRequest?: (seen: RequestSeen) => void) {
    this.endpoint = endpoint;
    this.#times = times;
    this.#userAgent = userAgent;
    this.#onRequest = onRequest;
    this.#base = new URL(endpoint.baseUrl);
    const secure = this.#base.protocol === 'https:';
    this.#request = secure ? https.request : plainHttp.request;
    // An unused connection is closed after a minute, before servers and middle boxes forget it.
    const options = { keepAlive: true, timeout: 60_000, scheduling: 'lifo' as const };
    const tls = tlsOf(endpoint);
    this.#agent = secure
      ? new https.Agent({ ...options, ...tls, maxSockets: 32 })
      : new plainHttp.Agent({ ...options, maxSockets: 32 });
    this.#watchAgent = secure ? new https.Agent({ ...tls }) : new plainHttp.Agent();
    endpoint.signal.addEventListener('abort', () => this.#close(), { once: true });
  }

  /**
   * Sends a request and returns the parsed JSON of a 2xx answer.
   * @throws KubeError | KubeUnreachableError | the reason of whichever signal aborted
   */
  async send(request: KubeRequest, headers: Record<string, string>, signal?: AbortSignal): Promise<unknown> {
    using scope = deadline(this.#times.requestTimeoutMs, [this.endpoint.signal, signal]);
    const end = performance.now() + this.#times.requestTimeoutMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(request, headers, scope.signal);
      } catch (error) {
        if (scope.signal.aborted) throw this.#aborted(request, scope);
        const waitMs = attempt < this.#times.tries ? this.#retryWait(request, error, attempt) : undefined;
        if (waitMs === undefined || performance.now() + waitMs >= end) throw error;
        await sleep(waitMs, scope.signal).catch(() => {
          throw this.#aborted(request, scope);
        });
      }
    }
  }

  /**
   * Sends a GET and returns the answer as soon as a 2xx status arrived; the body is the caller's to read and to destroy.
   * @throws as `send`, except that nothing is tried again
   */
  async stream(path: string, headers: Record<string, string>, signal?: AbortSignal): Promise<http.IncomingMessage> {
    using scope = deadline(this.#times.requestTimeoutMs, [this.endpoint.signal, signal]);
    const request: KubeRequest = { method: 'GET', path };
    try {
      const response = await this.#open(request, headers, scope.signal, this.#watchAgent);
      if (isSuccess(response)) return response;
      throw kubeErrorOfAnswer(request, response, await readAll(response, scope.signal));
    } catch (error) {
      throw scope.signal.aborted ? this.#aborted(request, scope) : error;
    }
  }

  async #once(request: KubeRequest, headers: Record<string, string>, signal: AbortSignal): Promise<unknown> {
    const response = await this.#open(request, headers, signal, this.#agent);
    const text = await readAll(response, signal);
    if (!isSuccess(response)) throw kubeErrorOfAnswer(request, response, text);
    try {
      return JSON.parse(text);
    } catch (cause) {
      const message = `${request.method} ${request.path}: the answer is not JSON, is this a Kubernetes API? It begins: ${text.slice(0, 100)}`;
      throw new KubeUnreachableError('connection', message, { sent: true, cause });
    }
  }

  async #open(
    { method, path, body }: KubeRequest,
    headers: Record<string, string>,
    signal: AbortSignal,
    agent: http.Agent,
  ): Promise<http.IncomingMessage> {
    const all: Record<string, string | number> = {
      accept: 'application/json',
      'user-agent': this.#userAgent,
      ...(await this.endpoint.headers()),
      ...headers,
    };
    if (body) {
      all['content-type'] = body.type;
      all['content-length'] = Buffer.byteLength(body.text);
    }
    signal.throwIfAborted();
    const begin = performance.now();
    const seen = (status: number | undefined, warning?: string) =>
      this.#onRequest?.({ method, path, status, durationMs: performance.now() - begin, warning });
    return await new Promise((resolve, reject) => {
      const { protocol, hostname, port, pathname } = this.#base;
      const host = hostname.replace(/^\[|\]$/g, '');
      const prefix = pathname.replace(/\/$/, '');
      const req = this.#request({ protocol, host, port, method, path: `${prefix}${path}`, headers: all, agent });
      const onAbort = () => req.destroy(new Error('aborted'));
      signal.addEventListener('abort', onAbort, { once: true });
      req.once('close', () => signal.removeEventListener('abort', onAbort));
      // An error can still come after the answer began; then it reaches whoever reads the body.
      let answered = false;
      req.on('error', (cause: NodeJS.ErrnoException) => {
        if (!answered) seen(undefined);
        const sent = !(cause.code !== undefined && NOT_SENT.has(cause.code));
        const message = `${method} ${this.#base.origin}${prefix}${path.split('?', 1)[0]}: ${cause.message || cause.code || 'connection failed'}`;
        reject(new KubeUnreachableError('connection', message, { sent, cause }));
      });
      req.once('response', (response) => {
        answered = true;
        seen(response.statusCode, response.headers.warning);
        resolve(response);
      });
      req.end(body?.text);
    });
  }

  /** Milliseconds until the next try; undefined when trying again is not safe or not useful. */
  #retryWait(request: KubeRequest, error: unknown, attempt: number): number | undefined {
    const own = backoffMs(attempt, this.#times.retryBackoff, Math.random);
    if (error instanceof KubeUnreachableError) {
      const harmless = request.method === 'GET' || request.repeatable || !error.sent;
      return harmless ? own : undefined;
    }
    if (!(error instanceof KubeError)) return undefined;
    const named = error.retryAfterSeconds === undefined ? undefined : error.retryAfterSeconds * 1000;
    // A server that says 429 with a time to come back did nothing with the request, whatever it was.
    if (error.code === 429) return named ?? (request.method === 'GET' ? own : undefined);
    if (error.code === 503 && request.method === 'GET') return named ?? own;
    return undefined;
  }

  #aborted({ method, path }: KubeRequest, scope: Deadline): unknown {
    if (!scope.expired) return scope.signal.reason;
    const seconds = this.#times.requestTimeoutMs / 1000;
    const message = `${method} ${this.#base.origin}${path.split('?', 1)[0]}: no answer within ${seconds} s`;
    return new KubeUnreachableError('deadline', message, { sent: true });
  }

  #close(): void {
    this.#agent.destroy();
    this.#watchAgent.destroy();
  }
}

/** For node:tls. */
export function tlsOf(endpoint: KubeEndpoint): https.AgentOptions {
  const { ca, cert, key, serverName, insecure } = endpoint;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(insecure ? { rejectUnauthorized: false } : {}),
  };
}

type Deadline = Disposable & { signal: AbortSignal; expired: boolean };

/** A signal that aborts with any of `parents` or after `ms`; `expired` tells the two apart. */
function deadline(ms: number, parents: readonly (AbortSignal | undefined)[]): Deadline {
  const controller = new AbortController();
  const scope: Deadline = { signal: controller.signal, expired: false, [Symbol.dispose]: release };
  const timer = setTimeout(() => {
    scope.expired = true;
    controller.abort();
  }, ms);
  const links = parents
    .filter((parent) => parent !== undefined)
    .map((parent) => ({ parent, follow: () => controller.abort(parent.reason) }));
  for (const { parent, follow } of links) {
    if (parent.aborted) follow();
    else parent.addEventListener('abort', follow, { once: true });
  }
  function release() {
    clearTimeout(timer);
    for (const { parent, follow } of links) parent.removeEventListener('abort', follow);
  }
  return scope;
}

function isSuccess(response: http.IncomingMessage): boolean {
  const status = response.statusCode ?? 0;
  return status >= 200 && status < 300;
}

async function readAll(response: http.IncomingMessage, signal: AbortSignal): Promise<string> {
  const onAbort = () => response.destroy(new Error('aborted'));
  signal.addEventListener('abort', onAbort, { once: true });
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    }
  } catch (cause) {
    throw new KubeUnreachableError('connection', 'the connection broke within the answer', { sent: true, cause });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  return Buffer.concat(chunks).toString('utf8');
}
