/** One address with one key, spoken to with a provider's official SDK: what every adapter stands on. */
import { STATUS_CODES } from '../node-http.ts';
import { type Failure, refusedParameter, verdictOf } from './failure.ts';
import { AnswerTooLongError, DeadlineError } from './http-transport.ts';
import { LinkLocalAddressError } from './link-local.ts';
import { type ModelAnswer, ModelError, type ModelErrorClass } from './provider.ts';
import { redact } from './redact.ts';
import { isSdkError } from './sdk-error.ts';

const MESSAGE_CHARS = 600;
/** A server that refuses a parameter gets the request again without it, this often. */
const MOST_ADJUSTMENTS = 6;
/** Above every deadline of the transport, which has its own. */
export const SDK_TIMEOUT_MS = 24 * 3_600_000;
/** Certificates and protocols do not mend themselves. */
const MISCONFIGURED = /^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_INVALID_URL|ERR_INVALID_CHAR)/;

/** What is special about a provider's SDK. */
export type Sdk<Client> = {
  baseUrl: string;
  /** Absent for servers that want none. */
  apiKey: string | undefined;
  /** Loads the SDK and makes its client; called once. */
  load(apiKey: string | undefined): Promise<Client>;
  /** What the server said, when the error is about that; undefined when no answer came. */
  failureOf(error: unknown): Failure | undefined;
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

export class ModelConnection<Client> {
  readonly host: string;
  readonly #sdk: Sdk<Client>;
  readonly #apiKey: string | undefined;
  #client: Promise<Client> | undefined;
  /** Parameters that this server has refused, by model. */
  readonly #refused = new Map<string, Set<string>>();

  constructor(sdk: Sdk<Client>) {
    this.#sdk = sdk;
    this.#apiKey = sdk.apiKey?.trim() || undefined;
    this.host = new URL(sdk.baseUrl).host;
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
    attempt: (client: Client, without: ReadonlySet<string>) => Promise<Answer>,
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
        const failure = this.#failureOf(error);
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
        if (verdict.class === 'refusal')
          return filtered(this.#tidy(failure.shown || 'the filter of the provider refused what was sent'));
        const options = {
          ...(verdict.about && { about: verdict.about }),
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

  #load(): Promise<Client> {
    this.#client ??= this.#sdk.load(this.#apiKey);
    return this.#client;
  }

  #checkKey(): void {
    const key = this.#apiKey;
    if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
      const message = 'the API key holds spaces, line breaks or characters outside ASCII; enter it again';
      throw new ModelError('access', message, { about: 'key' });
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
    if (cause instanceof LinkLocalAddressError) return describe('access', `the model ${at} is not called: ${cause.message}`);
    // It would cost as much again, and most likely end the same way.
    if (cause instanceof AnswerTooLongError) return describe('invalid', `the model ${at}: ${cause.message}`);
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
    const said = failure.shown || STATUS_CODES[failure.status ?? 0] || 'no reason given';
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
    const whole = `${messageOf(error)} ${JSON.stringify(this.#failureOf(error)?.body) ?? ''} ${messageOf(rootCause(error))}`;
    return redact(whole, this.#keys()) === whole ? error : new Error(this.#tidy(messageOf(error)));
  }

  #failureOf(error: unknown): Failure | undefined {
    if (error instanceof AnswerFailedError) {
      const { code, type, message } = error;
      return { status: undefined, code, type, param: '', message, shown: message, header: () => undefined, body: undefined };
    }
    return this.#sdk.failureOf(error);
  }

  #keys(): string[] {
    return this.#apiKey === undefined ? [] : [this.#apiKey];
  }
}

/** The answer of a provider whose filter refused what was sent. */
export function filteredAnswer(text: string, model: string): ModelAnswer {
  const usage = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 };
  return { text, calls: [], stop: 'refusal', usage, model };
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
