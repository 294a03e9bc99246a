/** One address with one key, spoken to with the official SDK. Both OpenAI adapters stand on it. */
import type { OpenAI } from 'openai';
import { type Failure, refusedParameter, verdictOf } from './failure.ts';
import { DeadlineError, type HttpTransport } from './http-transport.ts';
import { type ModelAnswer, ModelError, type ModelErrorClass } from './provider.ts';
import { redact } from './redact.ts';

export const OPENAI_BASE_URL = 'https://api.openai.com/v1';
const MESSAGE_CHARS = 600;
/** A server that refuses a parameter gets the request again without it, this often. */
const MOST_ADJUSTMENTS = 6;
/** Above every deadline of the transport, which has its own. */
const SDK_TIMEOUT_MS = 24 * 3_600_000;
/** Certificates and protocols do not mend themselves. */
const MISCONFIGURED = /^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_INVALID_URL|ERR_INVALID_CHAR)/;

export type ConnectionSettings = {
  baseUrl: string;
  /** Absent for servers that want none. */
  apiKey: string | undefined;
  transport: HttpTransport;
};

/** What `run` needs to know of a call. */
export type Call = {
  model: string;
  signal: AbortSignal;
  /** Wire names of parameters that may be left out when the server refuses them. */
  optional: readonly string[];
  /** Changes what the next attempt sends, for this call only; true when it did. */
  adjust?: (failure: Failure) => boolean;
};

/** The server ended the stream before the answer was complete. */
export class CutOffError extends Error {
  override readonly name = 'CutOffError';
}

/** The answer itself says that it failed: in an event, after the stream began well. */
export class AnswerFailedError extends Error {
  override readonly name = 'AnswerFailedError';
  readonly code: string;
  readonly type: string;
  constructor(code: string, message: string, type = '') {
    super(message);
    this.code = code;
    this.type = type;
  }
}

export class OpenAIConnection {
  readonly host: string;
  readonly isOpenAI: boolean;
  readonly #settings: ConnectionSettings;
  #client: Promise<OpenAI> | undefined;
  /** Parameters that this server has refused, by model. */
  readonly #refused = new Map<string, Set<string>>();

  constructor(settings: ConnectionSettings) {
    const apiKey = settings.apiKey?.trim();
    this.#settings = { ...settings, apiKey: apiKey === '' ? undefined : apiKey };
    this.host = new URL(settings.baseUrl).host;
    this.isOpenAI = this.host === 'api.openai.com' || this.host.endsWith('.api.openai.com');
  }

  /** Loads the SDK ahead of the first call. */
  async warm(): Promise<void> {
    await this.#load();
  }

  /**
   * Makes an attempt; when the server refuses a parameter that `optional` names, again without it, and remembers that.
   * @param attempt gets the parameters to leave out; it makes one request and reads its whole answer
   * @param filtered what the answer is when the provider's filter refused what was sent
   * @throws ModelError, or the signal's reason when that was aborted
   */
  async run<Answer>(
    call: Call,
    attempt: (client: OpenAI, without: ReadonlySet<string>) => Promise<Answer>,
    filtered: (said: string) => Answer,
  ): Promise<Answer> {
    const { model, signal } = call;
    signal.throwIfAborted();
    this.#checkKey();
    const client = await this.#load();
    const refused = this.#refused.get(model) ?? new Set();
    for (let adjustments = 0; ; adjustments++) {
      try {
        const answer = await attempt(client, refused);
        // An aborted stream ends without an error.
        signal.throwIfAborted();
        return answer;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const failure = failureOf(error);
        if (!failure) throw this.#withoutAnswer(error);
        const parameter = refusedParameter(
          failure,
          call.optional.filter((name) => !refused.has(name)),
        );
        if (parameter !== undefined && adjustments < MOST_ADJUSTMENTS) {
          refused.add(parameter);
          this.#refused.set(model, refused);
          continue;
        }
        if (adjustments < MOST_ADJUSTMENTS && call.adjust?.(failure)) continue;
        const verdict = verdictOf(failure, Date.now());
        if (verdict.class === 'refusal') return filtered(this.#tidy(failure.message));
        const options = {
          ...(verdict.retryAfterMs !== undefined && { retryAfterMs: verdict.retryAfterMs }),
          ...(failure.status !== undefined && { status: failure.status }),
        };
        throw new ModelError(verdict.class, this.#explain(failure, verdict.class, model), {
          ...options,
          cause: this.#safeCause(error),
        });
      }
    }
  }

  /**
   * Whether the server takes the key and knows the model.
   * @returns false when the server keeps no list of its models, so that only a call can tell
   * @throws ModelError, or the signal's reason
   */
  probe(model: string, signal: AbortSignal): Promise<boolean> {
    const attempt = async (client: OpenAI) => {
      try {
        await client.models.retrieve(model, { signal });
        return true;
      } catch (error) {
        const status = failureOf(error)?.status;
        // OpenAI means the model; compatible servers may have no such route.
        if (this.isOpenAI || (status !== 404 && status !== 405 && status !== 501)) throw error;
        return false;
      }
    };
    return this.run({ model, signal, optional: [] }, attempt, () => true);
  }

  #load(): Promise<OpenAI> {
    this.#client ??= import('openai').then(({ default: Client }) => {
      const { apiKey, baseUrl, transport } = this.#settings;
      return new Client({
        // Every setting that the SDK would otherwise take from environment variables is given.
        apiKey: apiKey ?? 'none',
        adminAPIKey: null,
        organization: null,
        project: null,
        webhookSecret: null,
        baseURL: baseUrl,
        logLevel: 'off',
        maxRetries: 0,
        timeout: SDK_TIMEOUT_MS,
        fetch: transport.fetch,
        ...(apiKey === undefined && { defaultHeaders: { Authorization: null } }),
      });
    });
    return this.#client;
  }

  #checkKey(): void {
    const key = this.#settings.apiKey;
    if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
      throw new ModelError('access', 'the API key holds spaces, line breaks or characters outside ASCII; enter it again');
    }
  }

  /** No answer came, or not a whole one. */
  #withoutAnswer(error: unknown): unknown {
    const cause = rootCause(error);
    const code = codeOf(cause);
    const at = `at ${this.host}`;
    const describe = (cls: ModelErrorClass, message: string) =>
      new ModelError(cls, this.#tidy(message), { cause: this.#safeCause(error) });
    if (cause instanceof DeadlineError) return describe('transient', `the model ${at}: ${cause.message}`);
    if (error instanceof CutOffError) return describe('transient', `the model ${at}: ${error.message}`);
    if (Error.isError(error) && error.name === 'SyntaxError') return describe('transient', `the model ${at} sent broken JSON`);
    if (code === 'ENOTFOUND')
      return describe('transient', `no host named ${this.host} was found; check the address and the network`);
    if (code === 'EPROTO')
      return describe('access', `the server ${at} does not speak TLS; should the address begin with http://?`);
    if (code !== undefined)
      return describe(MISCONFIGURED.test(code) ? 'access' : 'transient', `no connection to the model ${at}: ${messageOf(cause)}`);
    if (isSdkError(error)) return describe('transient', `no connection to the model ${at}: ${messageOf(cause)}`);
    // Not from the network: a fault of ours, which must not be taken for the provider's.
    return error;
  }

  #explain(failure: Failure, cls: ModelErrorClass, model: string): string {
    const status = failure.status === undefined ? '' : ` (${failure.status})`;
    const said = failure.message || 'no reason given';
    const what = {
      transient: 'is not available now',
      quota: 'has no quota left for this account',
      access: `does not let us use ${model}`,
      overflow: 'cannot take this much text',
      invalid: 'refuses the request',
    }[cls];
    return this.#tidy(`the provider at ${this.host} ${what}${status}: ${said}`);
  }

  #tidy(message: string): string {
    const text = redact(message.replaceAll(/\s+/g, ' ').trim(), this.#keys());
    return text.length <= MESSAGE_CHARS ? text : `${text.slice(0, MESSAGE_CHARS)}…`;
  }

  /** The error itself, unless it shows a key. */
  #safeCause(error: unknown): unknown {
    const whole = `${messageOf(error)} ${JSON.stringify(failureOf(error)?.body) ?? ''} ${messageOf(rootCause(error))}`;
    return redact(whole, this.#keys()) === whole ? error : new Error(this.#tidy(messageOf(error)));
  }

  #keys(): string[] {
    return this.#settings.apiKey === undefined ? [] : [this.#settings.apiKey];
  }
}

/** The answer of a provider whose filter refused what was sent. */
export function filteredAnswer(text: string, model: string): ModelAnswer {
  const usage = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 };
  return { text, calls: [], stop: 'refusal', usage, model };
}

/** What the server said, when it said something. */
function failureOf(error: unknown): Failure | undefined {
  if (error instanceof AnswerFailedError) {
    const { code, type, message } = error;
    return { status: undefined, code, type, param: '', message, header: () => undefined, body: undefined };
  }
  if (!isSdkError(error)) return undefined;
  const { status, headers, error: body } = error;
  // Neither a status nor an error object: the connection failed.
  if (status === undefined && (body === undefined || body === null)) return undefined;
  const inner = typeof body === 'object' && body !== null ? body : {};
  const field = (name: string) => {
    const value: unknown = Reflect.get(inner, name);
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
  };
  const code = field('code');
  const numeric = Number(code);
  return {
    // Routers put the status of the server behind them into the code.
    status: status ?? (numeric >= 400 && numeric < 600 ? numeric : undefined),
    code,
    type: field('type'),
    param: field('param'),
    message: field('message') || (typeof body === 'string' ? body : '') || error.message,
    header: (name) => headers?.get(name) ?? undefined,
    body,
  };
}

type SdkError = Error & { status: number | undefined; headers: Headers | undefined; error: unknown };

/** The SDK's APIError by its shape, so that the SDK need not be loaded to look at an error. */
function isSdkError(error: unknown): error is SdkError {
  return Error.isError(error) && 'status' in error && 'headers' in error && 'error' in error && 'requestID' in error;
}

function rootCause(error: unknown): unknown {
  let cause = error;
  for (let depth = 0; depth < 8 && Error.isError(cause) && cause.cause !== undefined; depth++) cause = cause.cause;
  // Happy Eyeballs reports one error for each address tried.
  return Error.isError(cause) && 'errors' in cause && Array.isArray(cause.errors) && cause.errors.length
    ? cause.errors[0]
    : cause;
}

function codeOf(error: unknown): string | undefined {
  return Error.isError(error) && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return Error.isError(error) ? error.message : String(error);
}
