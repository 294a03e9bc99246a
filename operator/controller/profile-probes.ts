/**
 * Probes at work: started by the reconciler that claimed them in the profile's status, run beside it, and kept until their
 * result is written there. None begins before `open`, so that nothing is loaded while the process starts.
 */
import type { AIProfile } from '../api/resources.ts';
import { ModelUnavailableError } from '../engine/ports.ts';
import type { ProbeFacts } from '../llm/probe.ts';
import { ModelError } from '../llm/provider.ts';
import { describeError, type Logger } from '../logger.ts';
import type { Probe } from './profile-probe-schedule.ts';
import { type Refusal, refusalOf } from './profile-verdict.ts';

export type ProbeOutcome = ({ answered: true } & ProbeFacts) | { answered: false; refusal: Refusal };

export type FinishedProbe = {
  /** As it was claimed. */
  claim: Probe;
  /** ms since 1970. */
  endedAt: number;
  outcome: ProbeOutcome;
};

export type ProfileProbesOptions = {
  /** Tries the model of a profile. @throws ModelError, ModelUnavailableError, or the signal's reason */
  tryModel(profile: AIProfile, signal: AbortSignal): Promise<ProbeFacts>;
  /** Between tries of a profile that does not change, in ms; Infinity: only when it changes. */
  intervalMs: number;
  now(): number;
  logger: Logger;
};

/** At the same time in one process. */
const MOST_AT_ONCE = 4;

type Entry = {
  claim: Probe;
  /** The object over which the claim was written: whoever still sees it does not see the claim. */
  over: string | undefined;
  finished: FinishedProbe | undefined;
  /** Ends it when it is of no use any more. */
  abort: AbortController;
};

export class ProfileProbes {
  readonly intervalMs: number;
  readonly #options: ProfileProbesOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #listeners = new Set<(key: string | undefined) => void>();
  #isOpen = false;

  constructor(options: ProfileProbesOptions) {
    this.#options = options;
    this.intervalMs = options.intervalMs;
  }

  /** From here on probes may begin. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    for (const listener of this.#listeners) listener(undefined);
  }

  /** No more probes begin in this process. `why` is for the log. */
  close(why: string): void {
    if (this.#isOpen) this.#options.logger.warn(`models are not tried: ${why}`);
    this.#isOpen = false;
  }

  /** Whether one may begin now. */
  get hasRoom(): boolean {
    return this.#isOpen && !this.#stop.signal.aborted && this.#running.size < MOST_AT_ONCE;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Hears the key of a profile whose probe ended; undefined when probes may begin for all. */
  onNews(listener: (key: string | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The probe of a profile that this process claimed and whose result is not written yet. */
  of(key: string): Readonly<Entry> | undefined {
    return this.#entries.get(key);
  }

  /** Begins the probe that was claimed over `profile`. */
  start(key: string, profile: AIProfile, claim: Probe): void {
    this.forget(key);
    const abort = new AbortController();
    const entry: Entry = { claim, over: profile.metadata.resourceVersion, finished: undefined, abort };
    this.#entries.set(key, entry);
    const running = this.#run(profile, AbortSignal.any([abort.signal, this.#stop.signal])).then((outcome) => {
      if (outcome && this.#entries.get(key) === entry) entry.finished = { claim, endedAt: this.#options.now(), outcome };
      this.#running.delete(running);
      for (const listener of this.#listeners) listener(key);
    });
    this.#running.add(running);
  }

  /** The result was written, or is of no use any more. */
  forget(key: string): void {
    this.#entries.get(key)?.abort.abort(new Error('the profile changed'));
    this.#entries.delete(key);
  }

  /** Ends what runs; its claims run out by themselves. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the operator stops'));
    this.#listeners.clear();
    await Promise.all(this.#running);
  }

  /** undefined: it was ended. Never rejects. */
  async #run(profile: AIProfile, signal: AbortSignal): Promise<ProbeOutcome | undefined> {
    try {
      return { answered: true, ...(await this.#options.tryModel(profile, signal)) };
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!(error instanceof ModelError || error instanceof ModelUnavailableError)) {
        const { namespace, name } = profile.metadata;
        this.#options.logger.error('a profile could not be tried', { namespace, profile: name, error: describeError(error) });
      }
      return { answered: false, refusal: refusalOf(error) };
    }
  }
}
