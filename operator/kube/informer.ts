/**
 * Keeps a local copy of the objects of one kind and says which of them changed. Supervised: whatever happens to the
 * connection or the server it goes on until it is stopped, and its state can be seen at any time.
 *
 *   list (paged) ──▶ watch from the list's resourceVersion ──ended──▶ watch from the last one seen
 *     ▲                │ 410 Expired          │ error, silence: backoff ──▶ watch again
 *     └────────────────┘
 *
 * Handlers get keys, never objects: who handles a key reads the newest object from the cache. Deletions that happened
 * while there was no connection are found by comparing the new list with the cache.
 */
import type { KubeObject, Resource } from '../api/resources.ts';
import { type Clock, sleep, systemClock } from '../clock.ts';
import { describeError, type Logger } from '../logger.ts';
import { type BackoffOptions, backoffMs } from './backoff.ts';
import { type KubeClient, KubeError, type WatchEvent } from './client.ts';
import { KubeUnreachableError } from './http-transport.ts';
import { keyOf } from './key.ts';

export type InformerState = {
  /** Whether a watch is open as far as is known here. */
  connected: boolean;
  /** Whether the cache was filled once. */
  synced: boolean;
  /** When the server was heard of last, a bookmark included; ms since 1970. */
  lastEventTime: number | undefined;
  /** The last failure in a line; undefined again once a watch is open. */
  lastError: string | undefined;
  /** Failures since a watch was last open. */
  failures: number;
  objects: number;
};

/** What is counted, for metrics. */
export type InformerSignal = 'list' | 'watch' | 'event' | 'bookmark' | 'expired' | 'error';

export type InformerOptions = {
  client: KubeClient;
  resource: Resource;
  /** All namespaces when empty. */
  namespace?: string;
  labelSelector?: string;
  logger: Logger;
  /** Objects asked for with one request of a list. */
  pageSize?: number;
  /** Wait after failures in a row. Default: 200 ms doubling to 30 s. */
  backoff?: BackoffOptions;
  /** Has every key handled again at this interval, in milliseconds; never when empty. */
  resyncMs?: number;
  /** Called for everything that is counted; must not throw. */
  onSignal?: (signal: InformerSignal) => void;
  clock?: Clock;
  random?: () => number;
};

/** A watch that the server ended sooner than this without an event is no success, or a broken server would be asked without pause. */
const SHORT_WATCH_MS = 1_000;
/** A server may ask to be left alone for a while, not for good. */
const MAX_NAMED_WAIT_MS = 60_000;

export class Informer<T extends KubeObject> {
  /** Resolves when the cache was filled for the first time; rejects with the signal's reason when `run` was stopped before. */
  readonly synced: Promise<void>;
  readonly #options: InformerOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #cache = new Map<string, T>();
  readonly #handlers = new Set<(key: string) => void>();
  readonly #settleSynced: { resolve: () => void; reject: (reason: unknown) => void };
  readonly #state: Omit<InformerState, 'objects'> = {
    connected: false,
    synced: false,
    lastEventTime: undefined,
    lastError: undefined,
    failures: 0,
  };
  /** Where the next watch begins; a list is needed when undefined. */
  #resourceVersion: string | undefined;

  constructor(options: InformerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#settleSynced = { resolve, reject };
    // Nobody has to wait for it.
    promise.catch(() => undefined);
  }

  /** The newest object known here. Belongs to the cache: not to be changed. */
  get(key: string): T | undefined {
    return this.#cache.get(key);
  }

  /** All objects known here, of one namespace or of all. */
  list(namespace?: string): T[] {
    const all = [...this.#cache.values()];
    return namespace === undefined ? all : all.filter((object) => object.metadata.namespace === namespace);
  }

  /** Hears the key of every object that appeared, changed or went. Returns a function that ends it. */
  onChange(handler: (key: string) => void): () => void {
    this.#handlers.add(handler);
    return () => {
      this.#handlers.delete(handler);
    };
  }

  get state(): InformerState {
    return { ...this.#state, objects: this.#cache.size };
  }

  /** Runs until the signal aborts; resolves then, and for no other reason. */
  async run(signal: AbortSignal): Promise<void> {
    const stopResync = this.#startResync();
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined) await this.#relist(signal);
        else await this.#watch(this.#resourceVersion, signal);
      } catch (error) {
        if (signal.aborted) break;
        this.#state.connected = false;
        const wait = this.#waitAfter(error);
        await sleep(wait, signal, this.#clock).catch(() => undefined);
      }
    }
    stopResync();
    this.#state.connected = false;
    if (!this.#state.synced) this.#settleSynced.reject(signal.reason);
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const { client, resource, namespace, labelSelector, pageSize = 500 } = this.#options;
    this.#signal('list');
    const found = new Map<string, T>();
    let resourceVersion: string | undefined;
    let next: string | undefined;
    do {
      const page = await client.list<T>(
        resource,
        {
          limit: pageSize,
          ...(namespace !== undefined && { namespace }),
          ...(labelSelector !== undefined && { labelSelector }),
          ...(next !== undefined && { continue: next }),
        },
        signal,
      );
      for (const object of page.items) found.set(keyOf(object), object);
      // The first page's: whatever changed while the others were read comes again with the watch.
      resourceVersion ??= page.resourceVersion;
      next = page.continue;
    } while (next !== undefined);

    const changed = [...found].filter(([key, object]) => !same(this.#cache.get(key), object)).map(([key]) => key);
    const gone = [...this.#cache.keys()].filter((key) => !found.has(key));
    this.#cache.clear();
    for (const [key, object] of found) this.#cache.set(key, object);
    this.#resourceVersion = resourceVersion;
    this.#state.lastEventTime = this.#clock.now();
    if (!this.#state.synced) {
      this.#state.synced = true;
      this.#settleSynced.resolve();
    }
    for (const key of [...changed, ...gone]) this.#notify(key);
  }

  /** Returns when the server ended the watch in an orderly way. */
  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, resource, namespace, labelSelector } = this.#options;
    this.#signal('watch');
    const began = this.#clock.now();
    const options = {
      resourceVersion,
      ...(namespace !== undefined && { namespace }),
      ...(labelSelector !== undefined && { labelSelector }),
      onOpen: () => this.#opened(),
    };
    let events = 0;
    for await (const event of client.watch<T>(resource, options, signal)) {
      events++;
      this.#opened();
      this.#state.failures = 0;
      this.#state.lastEventTime = this.#clock.now();
      this.#apply(event);
    }
    signal.throwIfAborted();
    if (events === 0 && this.#clock.now() - began < SHORT_WATCH_MS) throw new Error('the server ended the watch at once');
    this.#state.failures = 0;
  }

  #opened(): void {
    this.#state.connected = true;
    this.#state.lastError = undefined;
  }

  #apply(event: WatchEvent<T>): void {
    if (event.type === 'BOOKMARK') {
      this.#resourceVersion = event.resourceVersion;
      this.#signal('bookmark');
      return;
    }
    const key = keyOf(event.object);
    if (event.type === 'DELETED') this.#cache.delete(key);
    else this.#cache.set(key, event.object);
    this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
    this.#signal('event');
    this.#notify(key);
  }

  /** Records a failure and returns the milliseconds to wait after it. */
  #waitAfter(error: unknown): number {
    const { backoff = { baseMs: 200, maxMs: 30_000 }, logger, resource } = this.#options;
    const failures = ++this.#state.failures;
    if (error instanceof KubeError && error.code === 410) {
      this.#resourceVersion = undefined;
      this.#signal('expired');
      logger.info(`watch of ${resource.plural} expired, listing again`);
      // Usual after a long absence: no reason to wait, unless it goes on.
      return failures === 1 ? 0 : backoffMs(failures, backoff, this.#random);
    }
    this.#signal('error');
    this.#state.lastError = describeError(error);
    // A watch that said nothing, or a server that answers but gives no watch, may no longer know our version: look anew.
    const silent = error instanceof KubeUnreachableError && error.kind === 'idle';
    if (silent || (error instanceof KubeError && failures % 3 === 0)) this.#resourceVersion = undefined;
    const named = error instanceof KubeError ? Math.min((error.retryAfterSeconds ?? 0) * 1000, MAX_NAMED_WAIT_MS) : 0;
    const wait = Math.max(named, backoffMs(failures, backoff, this.#random));
    logger.warn(`${resource.plural}: ${this.#state.lastError}; trying again in ${wait} ms`, { failures });
    return wait;
  }

  #notify(key: string): void {
    for (const handler of this.#handlers) {
      try {
        handler(key);
      } catch (error) {
        this.#options.logger.error(`a handler of ${this.#options.resource.plural} failed on ${key}: ${describeError(error)}`);
      }
    }
  }

  #startResync(): () => void {
    const { resyncMs } = this.#options;
    if (resyncMs === undefined) return () => undefined;
    let cancel: () => void;
    const again = () => {
      for (const key of this.#cache.keys()) this.#notify(key);
      cancel = this.#clock.after(resyncMs, again);
    };
    cancel = this.#clock.after(resyncMs, again);
    return () => cancel();
  }

  #signal(signal: InformerSignal): void {
    this.#options.onSignal?.(signal);
  }
}

function same(a: KubeObject | undefined, b: KubeObject): boolean {
  return a?.metadata.uid === b.metadata.uid && a?.metadata.resourceVersion === b.metadata.resourceVersion;
}
