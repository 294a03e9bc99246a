/**
 * The SDK, loaded when it is first used, with a deadline for every request: its own is 24 hours. An answer that asks for
 * patience (429) is given it, and what may be asked twice is asked again when the connection failed.
 */
import type { Daytona, Sandbox } from '@daytonaio/sdk';
import { pause, withDeadline } from '../deadline.ts';
import { SandboxUnavailableError } from '../transport.ts';
import { DEFAULT_API_URL, faultOf, isPassing, retryAfterOf, statusOf, wrongAddress } from './faults.ts';

export type DaytonaAccess = {
  apiKey: string;
  /** The address of the API; default the service's own. */
  apiUrl?: string;
  /** The region of new sandboxes; default the organization's. */
  target?: string;
  /** How long a request may take that has no time of its own, in ms; default 30 s. */
  requestMs?: number;
};

export type CallOptions = {
  signal?: AbortSignal;
  /** How long one try may take, in ms; default what a request may take. */
  ms?: number;
  /** Whether it means the same the second time. */
  repeatable?: boolean;
  /** Leaves the SDK's error as it is. */
  raw?: boolean;
};

/** Above every deadline of ours, so that a request that nobody waits for ends all the same. */
const REQUEST_MS = 11 * 60_000;
const CALL_MS = 30_000;
const DELAYS_MS = [100, 400, 1500];
/** How long an answer that asks for patience is given it here, all tries together. Who waits for longer is to be told what for. */
const PATIENCE_MS = 4000;

export class DaytonaClient {
  readonly apiUrl: string;
  readonly #access: DaytonaAccess;
  readonly #regions = new Map<string, Promise<Daytona>>();
  /** Whether the address is known to be that of Daytona. */
  #answered = false;

  constructor(access: DaytonaAccess) {
    this.#access = access;
    this.apiUrl = access.apiUrl ?? DEFAULT_API_URL;
  }

  /**
   * @param doing what is tried, as "Daytona could not …" goes on
   * @throws SandboxUnavailableError | the signal's reason | with `raw` the SDK's error
   */
  async call<T>(doing: string, work: () => Promise<T>, options: CallOptions = {}): Promise<T> {
    const { signal, ms = this.#access.requestMs ?? CALL_MS, repeatable = false, raw = false } = options;
    let patience = PATIENCE_MS;
    for (let attempt = 0; ; attempt++) {
      signal?.throwIfAborted();
      try {
        return await withDeadline(work(), { ms, late: () => new LateError(ms), ...(signal && { signal }) });
      } catch (error) {
        signal?.throwIfAborted();
        const delay = DELAYS_MS[attempt];
        // A request that was refused for its number was not done; one without an answer may have been.
        const again = statusOf(error) === 429 || (repeatable && (error instanceof LateError || isPassing(error)));
        const asked = (retryAfterOf(error) ?? 0) * 1000;
        if (delay === undefined || !again || asked > patience) throw raw ? error : faultOf(error, doing, this.apiUrl);
        patience -= asked;
        await pause(asked || delay, signal);
      }
    }
  }

  /** @param target the region, where it is not the configured one */
  async daytona(target = this.#access.target): Promise<Daytona> {
    const key = target ?? '';
    const found = this.#regions.get(key) ?? this.#load(target);
    this.#regions.set(key, found);
    return found;
  }

  /** The sandbox as it is now; undefined when there is none. @throws SandboxUnavailableError | the signal's reason */
  async get(idOrName: string, signal?: AbortSignal): Promise<Sandbox | undefined> {
    const daytona = await this.daytona();
    const options = { repeatable: true, raw: true, ...(signal && { signal }) };
    try {
      const sandbox = await this.call('look for a sandbox', () => daytona.get(idOrName), options);
      if (typeof sandbox.id !== 'string') throw new TypeError('what was answered is no sandbox');
      this.#answered = true;
      return sandbox;
    } catch (error) {
      signal?.throwIfAborted();
      // The SDK could make nothing of the answer.
      if (statusOf(error) === undefined && !isPassing(error)) throw wrongAddress(this.apiUrl, error);
      if (statusOf(error) !== 404) throw faultOf(error, 'look for a sandbox', this.apiUrl);
      // So says whatever is at a wrong address of everything.
      if (!this.#answered) await this.list({ 'sweagent.dev/check': 'none' }, signal);
      return undefined;
    }
  }

  /** Those that carry all of the labels. */
  async list(labels: Record<string, string>, signal?: AbortSignal): Promise<Sandbox[]> {
    const daytona = await this.daytona();
    const all = async (): Promise<Sandbox[]> => {
      try {
        return await Array.fromAsync(daytona.list({ labels }));
      } catch (error) {
        // Whatever answered had no list in it.
        throw error instanceof TypeError ? wrongAddress(this.apiUrl, error) : error;
      }
    };
    const options = { repeatable: true, raw: true, ...(signal && { signal }) };
    const found = await this.call('list the sandboxes', all, options).catch((error: unknown) => {
      throw statusOf(error) === 404 ? wrongAddress(this.apiUrl, error) : faultOf(error, 'list the sandboxes', this.apiUrl);
    });
    this.#answered = true;
    return found;
  }

  async #load(target: string | undefined): Promise<Daytona> {
    const { Daytona } = await import('@daytonaio/sdk');
    const { apiKey } = this.#access;
    // Its events come over one more connection, which nothing here needs.
    const common = { apiKey, apiUrl: this.apiUrl, requestTimeoutMs: REQUEST_MS, useDeprecatedPolling: true };
    return withoutWarnings(() => new Daytona({ ...common, ...(target !== undefined && { target }) }));
  }
}

/**
 * Told everything, the SDK looks at the environment and at `.env` all the same, and warns on the console of what is read
 * there by the names that this project's settings have.
 * @param make does not wait for anything, so that nobody else's warning is kept back
 */
function withoutWarnings<T>(make: () => T): T {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return make();
  } finally {
    console.warn = warn;
  }
}

/** No answer came in time. The SDK has errors of that kind too. */
class LateError extends Error {
  override readonly name = 'DaytonaTimeoutError';
  constructor(ms: number) {
    super(`no answer within ${ms / 1000} s`);
  }
}

export function unavailable(reason: string, message: string, cause?: unknown, permanent = false): SandboxUnavailableError {
  return new SandboxUnavailableError(reason, message, { permanent, cause });
}
