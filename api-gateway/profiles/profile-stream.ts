/**
 * Profiles as a live list. What is shown of one comes from several objects: the profile, its Secret and the sessions that use
 * it. So a change of any is only a reason to look again, and what is told is the difference to what was told.
 */
import { CREDENTIAL_LABEL, RESOURCES, type Resource } from '../../operator/api/resources.ts';
import { sleep } from '../../operator/clock.ts';
import { type KubeClient, KubeError } from '../../operator/kube/client.ts';
import { changesOf } from '../live/changes.ts';
import { FROM_THE_BEGINNING, type Piece } from '../live/pieces.ts';
import type { Profiles } from './profiles.ts';

export type ProfileStreamOptions = {
  profiles: Profiles;
  kube: KubeClient;
  namespace: string;
  /** How long what was told may be behind the sessions, which are not watched, in milliseconds. */
  everyMs?: number;
};

/** Between two looks, in milliseconds: a probe changes a profile several times in a moment. */
const PAUSE_MS = 200;

/** @param token of a reader that comes back; there is nothing to go on from, so all is told anew */
export async function* profilePieces(
  { profiles, kube, namespace, everyMs = 5_000 }: ProfileStreamOptions,
  token: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Piece, void> {
  const ended = new AbortController();
  const within = AbortSignal.any([signal, ended.signal]);
  const bell = new Bell();
  const watch = async (resource: Resource, labelSelector?: string) => {
    const of = { client: kube, resource, namespace, ...(labelSelector !== undefined && { labelSelector }) };
    for await (const _ of changesOf(of, within)) bell.ring();
  };
  try {
    let told = await texts(profiles, signal);
    if (token !== undefined) yield { type: 'reset', token: FROM_THE_BEGINNING };
    for (const [id, text] of told) yield { type: 'item', id, text, token: FROM_THE_BEGINNING };
    yield { type: 'synced', token: FROM_THE_BEGINNING };
    watch(RESOURCES.profiles).catch((error: unknown) => bell.fail(error));
    watch(RESOURCES.secrets, CREDENTIAL_LABEL).catch((error: unknown) => {
      // Who may not see Secrets is told of keys what the profile says of them.
      if (!(error instanceof KubeError && error.code === 403)) bell.fail(error);
    });
    for (;;) {
      await bell.rung(everyMs, signal);
      const now = await texts(profiles, signal);
      for (const [id, text] of now) if (told.get(id) !== text) yield { type: 'item', id, text, token: FROM_THE_BEGINNING };
      for (const id of told.keys()) if (!now.has(id)) yield { type: 'deleted', id, token: FROM_THE_BEGINNING };
      told = now;
      await sleep(PAUSE_MS, signal);
    }
  } finally {
    ended.abort(new Error('nobody reads the profiles'));
  }
}

async function texts(profiles: Profiles, signal: AbortSignal): Promise<Map<string, string>> {
  const views = await profiles.list(signal);
  return new Map(views.map((view) => [view.name, JSON.stringify(view)]));
}

/** Rings once for whatever happened since it was listened for last. */
class Bell {
  #rang = false;
  #failure: { error: unknown } | undefined;
  #hear: () => void = () => undefined;

  ring(): void {
    this.#rang = true;
    this.#hear();
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.ring();
  }

  /** Resolves when it rings, or `everyMs` later. @throws what it failed with, and the signal's reason */
  async rung(everyMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#rang) {
      const heard = new AbortController();
      this.#hear = () => heard.abort();
      await sleep(everyMs, AbortSignal.any([signal, heard.signal])).catch(() => undefined);
    }
    this.#rang = false;
    signal.throwIfAborted();
    if (this.#failure) throw this.#failure.error;
  }
}
