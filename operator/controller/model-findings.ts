/**
 * What the model calls of sessions find out about profiles: whether the model answers, or refuses the key or the account.
 * Kept for this process's life; the profile's status keeps it longer.
 */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { AIProfile, Secret } from '../api/resources.ts';
import { ModelError, type ModelProvider } from '../llm/provider.ts';
import { type Refusal, refusalOf } from './profile-verdict.ts';

export type ModelFinding = {
  /** When, in ms since 1970. */
  at: number;
  /** Whether the profile and its Secret are still as they were then. */
  current: boolean;
  result: { answered: true; calledTool: boolean } | { answered: false; refusal: Refusal };
};

export class ModelFindings {
  readonly #now: () => number;
  readonly #found = new Map<string, { version: string; at: number; result: ModelFinding['result'] }>();
  readonly #listeners = new Set<(key: string, news: boolean) => void>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Hears the key of a profile (namespace/name) after a call of its model; `news`: it found out something else than the one before. */
  onCall(listener: (key: string, news: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What the last call found; undefined when this process made none. `version` as of versionOf. */
  of(key: string, version: string): ModelFinding | undefined {
    const found = this.#found.get(key);
    return found && { at: found.at, current: found.version === version, result: found.result };
  }

  /** The provider, whose answers and refusals are taken note of. */
  watched(key: string, version: string, provider: ModelProvider): ModelProvider {
    return {
      call: async (request, options) => {
        try {
          const answer = await provider.call(request, options);
          this.#note(key, version, { answered: true, calledTool: answer.calls.length > 0 });
          return answer;
        } catch (error) {
          // What passes by itself, or is about one request only, says nothing of the profile.
          if (error instanceof ModelError && (error.class === 'access' || error.class === 'quota'))
            this.#note(key, version, { answered: false, refusal: refusalOf(error) });
          throw error;
        }
      },
    };
  }

  #note(key: string, version: string, result: ModelFinding['result']): void {
    const before = this.#found.get(key);
    this.#found.set(key, { version, at: this.#now(), result });
    const news = before?.version !== version || !isDeepStrictEqual(before.result, result);
    for (const listener of this.#listeners) listener(key, news);
  }
}

/**
 * Changes with all that a call depends on: the profile's spec, but for who uses it and under which name it is shown, and its
 * Secret. A status that is written changes nothing. The same in every operator.
 */
export function versionOf({ metadata, spec }: AIProfile, secret: Secret | undefined): string {
  const { displayName: _, default: __, users: ___, fallbackRef: ____, ...called } = spec;
  const fields = Object.entries(called).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const parts = [metadata.uid, fields, secret?.metadata.uid, secret?.metadata.resourceVersion];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}
