/**
 * What a task does about an action that could not be done: it takes notice of a lost sandbox, tries again later, and in the
 * end pauses or fails the session. Each of these is an event, so that the next decision knows of it.
 */
import { describeError } from '../logger.ts';
import { SandboxLostError, SandboxUnavailableError } from '../sandbox/transport.ts';
import type { Action } from './action.ts';
import type { Connection } from './connection.ts';
import { delayAfter, type Fault, faultOf, MAX_TRIES } from './faults.ts';
import type { Intent } from './intent.ts';
import { Interrupt } from './interrupt.ts';
import type { EngineDeps } from './ports.ts';
import type { Recorder } from './recorder.ts';
import type { Waits } from './waits.ts';

/** The action that failed, and what its task had in hand. */
type Failed = { action: Action; recorder: Recorder; intent: Intent; signal: AbortSignal };

export class Setbacks {
  readonly #deps: Pick<EngineDeps, 'logger' | 'now' | 'firstRetryMs'>;
  readonly #connection: Connection;
  readonly #waits: Waits;
  /** Tries in a row that came to nothing for the same kind of reason. */
  #tries = 0;
  #keepsSandbox = false;

  constructor(deps: Pick<EngineDeps, 'logger' | 'now' | 'firstRetryMs'>, connection: Connection, waits: Waits) {
    this.#deps = deps;
    this.#connection = connection;
    this.#waits = waits;
  }

  /** Whether the sandbox could not be given back, which is not tried again here. */
  get keepsSandbox(): boolean {
    return this.#keepsSandbox;
  }

  /** The action was done. A sandbox that can be made but not used is no progress. */
  overcome({ do: done }: Action): void {
    if (done !== 'provision') this.#tries = 0;
  }

  /**
   * Resolves when the next decision can be made, which may be after a wait.
   * @throws what no session is prepared for
   */
  async meet(error: unknown, failed: Failed): Promise<void> {
    const { action, recorder, signal } = failed;
    if (error instanceof Interrupt || signal.aborted) return;
    if (action.do === 'release' && this.#keeps(error)) return;
    if (error instanceof SandboxLostError) return this.#lost(error.message, failed);
    const fault = faultOf(error);
    if (!fault) throw error;
    const { kind, reason, message } = fault;
    if (kind === 'final') {
      await this.#connection.endProcesses(recorder.state);
      recorder.emit({ type: 'session.finished', outcome: 'Failed', reason, message });
      return;
    }
    this.#tries++;
    await this.#tryLater(fault, failed, error instanceof SandboxUnavailableError ? 'sandbox' : undefined);
  }

  /** A session at rest goes on resting when its sandbox could not be given back; whoever hands it in next tries again. */
  #keeps(error: unknown): boolean {
    const late = error instanceof DOMException && error.name === 'TimeoutError';
    if (!(late || error instanceof SandboxLostError || faultOf(error))) return false;
    this.#keepsSandbox = true;
    this.#deps.logger.warn('the sandbox of a session at rest could not be given back', { error: describeError(error) });
    return true;
  }

  async #lost(message: string, failed: Failed): Promise<void> {
    const { recorder } = failed;
    await this.#connection.forget();
    // Where it was not told as soon as it happened.
    if (recorder.state.sandboxLost !== message)
      recorder.emit({ type: 'sandbox.lost', sandboxUid: recorder.state.sandbox?.uid ?? '', message });
    // Once may happen, and is mended at once.
    if (this.#tries++ === 0) return;
    await this.#tryLater({ kind: 'passing', pause: 'SandboxUnavailable', reason: 'SandboxLost', message }, failed, 'sandbox');
  }

  /** Waits longer after each try in a row; in the end the session pauses until the user resumes it. */
  async #tryLater(fault: Fault & { kind: 'passing' }, { recorder, intent }: Failed, about?: 'sandbox'): Promise<void> {
    const { pause, reason, message, retryAt } = fault;
    if (this.#tries > MAX_TRIES) {
      this.#tries = 0;
      const text = `${message} (tried ${MAX_TRIES} times; resume to try again)`;
      recorder.emit({ type: 'session.paused', reason: pause, message: text, resumeCounter: intent.resume });
      return;
    }
    const now = this.#deps.now();
    const delay = delayAfter(this.#tries, this.#deps.firstRetryMs, retryAt === undefined ? 0 : retryAt - now);
    this.#deps.logger.warn('an action could not be done; trying again', { reason, error: message });
    this.#waits.show({ reason, message, retryAt: now + delay }, about);
    await this.#waits.during(delay);
  }
}
