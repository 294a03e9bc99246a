/**
 * The objects of a kind as they are and then as they change, read at the pace of whoever reads. Nothing is kept here: what
 * the server says goes on at once, and a reader that is slow holds up nobody but the connection to the server.
 *
 *   list (in parts) ──▶ synced ──▶ watch from there ──ended──▶ watch from the last version seen
 *     ▲                             │ 410, silence         │ error: backoff ──▶ watch again
 *     └────────── reset ────────────┘
 */
import type { KubeObject, Resource } from '../../operator/api/resources.ts';
import { sleep } from '../../operator/clock.ts';
import { backoffMs } from '../../operator/kube/backoff.ts';
import { type KubeClient, KubeError } from '../../operator/kube/client.ts';
import { KubeUnreachableError } from '../../operator/kube/http-transport.ts';

/** `version` is a resource version after which reading can go on. */
export type Change<T> =
  | { type: 'objects'; objects: readonly T[] }
  | { type: 'synced'; version: string }
  | { type: 'changed' | 'deleted'; object: T; version: string }
  /** All that was said before does not count any more: the whole list follows. */
  | { type: 'reset' };

export type ChangesOf = {
  client: KubeClient;
  resource: Resource;
  namespace: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Goes on after this version, without a list, as long as the server knows it. */
  after?: string;
};

/** Parsing and serving so many objects takes a few milliseconds, in which nothing else happens. */
const PAGE = 100;
const BACKOFF = { baseMs: 200, maxMs: 15_000 };
/** A watch that ends sooner than this without an event is no success, or a broken server would be asked without pause. */
const SHORT_MS = 1_000;

/**
 * Goes on until the signal aborts.
 * @throws KubeError 401 and 403, what the first list failed with, and the signal's reason
 */
export async function* changesOf<T extends KubeObject>(of: ChangesOf, signal: AbortSignal): AsyncGenerator<Change<T>, void> {
  const { client, resource, namespace, labelSelector, fieldSelector } = of;
  const selection = {
    namespace,
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  };
  let version = of.after;
  let begun = version !== undefined;
  for (let failures = 0; ; ) {
    signal.throwIfAborted();
    try {
      if (version === undefined) {
        // The first page's: whatever changed while the others were read comes again with the watch.
        let first: string | undefined;
        let next: string | undefined;
        do {
          const page = await client.list<T>(resource, { ...selection, limit: PAGE, ...(next && { continue: next }) }, signal);
          first ??= page.resourceVersion;
          next = page.continue;
          yield { type: 'objects', objects: page.items };
        } while (next !== undefined);
        version = first;
        begun = true;
        yield { type: 'synced', version };
      }
      const since = performance.now();
      let events = 0;
      for await (const event of client.watch<T>(resource, { ...selection, resourceVersion: version }, signal)) {
        events++;
        failures = 0;
        if (event.type === 'BOOKMARK') {
          version = event.resourceVersion;
          continue;
        }
        version = event.object.metadata.resourceVersion ?? version;
        yield { type: event.type === 'DELETED' ? 'deleted' : 'changed', object: event.object, version };
      }
      if (events === 0 && performance.now() - since < SHORT_MS) throw new Error('the server ended the watch at once');
    } catch (error) {
      signal.throwIfAborted();
      const refused = error instanceof KubeError && (error.code === 401 || error.code === 403);
      if (!begun || refused) throw error;
      failures++;
      const expired = error instanceof KubeError && error.code === 410;
      const silent = error instanceof KubeUnreachableError && error.kind === 'idle';
      if (version === undefined || expired || silent || failures % 3 === 0) {
        version = undefined;
        yield { type: 'reset' };
      }
      // That a version is too old is usual after a long absence: no reason to wait, unless it goes on.
      if (!expired || failures > 1) await sleep(backoffMs(failures, BACKOFF, Math.random), signal);
    }
  }
}
