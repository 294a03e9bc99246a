/** The informers of one kind over several namespaces, seen as one cache. */
import type { KubeObject } from '../api/resources.ts';
import { Informer, type InformerOptions } from './informer.ts';

/** What the controllers need of a cache. */
export type ObjectCache<T extends KubeObject> = Pick<Informer<T>, 'get' | 'list' | 'onChange'>;

export class Informers<T extends KubeObject> implements ObjectCache<T> {
  /** Resolves when all caches were filled for the first time; rejects when `run` was stopped before. */
  readonly synced: Promise<void>;
  readonly #parts: readonly Informer<T>[];
  readonly #byNamespace: ReadonlyMap<string, Informer<T>> | undefined;

  /** @param namespaces those to look at; all when left out */
  constructor(options: Omit<InformerOptions, 'namespace'>, namespaces?: readonly string[]) {
    if (namespaces) {
      const entries = namespaces.map((namespace) => [namespace, new Informer<T>({ ...options, namespace })] as const);
      this.#byNamespace = new Map(entries);
      this.#parts = [...this.#byNamespace.values()];
    } else this.#parts = [new Informer<T>(options)];
    this.synced = Promise.all(this.#parts.map(({ synced }) => synced)).then(() => undefined);
    // Nobody has to wait for it.
    this.synced.catch(() => undefined);
  }

  /** The newest object known here. Belongs to the cache: not to be changed. */
  get(key: string): T | undefined {
    return this.#of(key.slice(0, key.indexOf('/')))?.get(key);
  }

  /** All objects known here, of one namespace or of all. */
  list(namespace?: string): T[] {
    if (namespace !== undefined) return this.#of(namespace)?.list(namespace) ?? [];
    return this.#parts.flatMap((part) => part.list());
  }

  /** Hears the key of every object that appeared, changed or went. Returns a function that ends it. */
  onChange(handler: (key: string) => void): () => void {
    const ends = this.#parts.map((part) => part.onChange(handler));
    return () => {
      for (const end of ends) end();
    };
  }

  /** Of all of them together: connected when all are, and the first failure. */
  get state(): { connected: boolean; synced: boolean; objects: number; lastError: string | undefined } {
    const states = this.#parts.map(({ state }) => state);
    return {
      connected: states.every(({ connected }) => connected),
      synced: states.every(({ synced }) => synced),
      objects: states.reduce((sum, { objects }) => sum + objects, 0),
      lastError: states.find(({ lastError }) => lastError !== undefined)?.lastError,
    };
  }

  /** Runs until the signal aborts; resolves then, and for no other reason. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.run(signal)));
  }

  #of(namespace: string): Informer<T> | undefined {
    return this.#byNamespace ? this.#byNamespace.get(namespace) : this.#parts[0];
  }
}
