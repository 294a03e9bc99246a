/**
 * One watch that many readers share: of each object what lists show of it, and the order in which objects changed last.
 *
 * Every change gets the next number, and stands in the order under it. A reader is no more than the number that it was told
 * last; it walks along the order at its own pace and is told of each object as it is by then, so that a slow one costs
 * nothing and misses nothing. Whoever is further behind than the order goes back begins anew.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KubeObject } from '../../operator/api/resources.ts';
import { describeError, type Logger } from '../../operator/logger.ts';
import type { Change } from './changes.ts';
import { FROM_THE_BEGINNING, type Piece } from './pieces.ts';

export type LiveListOptions<T> = {
  /** Begins to list and watch. */
  open: (signal: AbortSignal) => AsyncIterable<Change<T>>;
  /** The item as JSON. */
  text: (object: T) => string;
  logger: Logger;
  /** Aborts when the gateway closes. */
  closing: AbortSignal;
  /** How many changes are remembered for readers that are behind. */
  remembered?: number;
  /** How long it goes on when nobody reads, in milliseconds: who reloads a page comes back at once. */
  lingerMs?: number;
  /** Called when nobody has read for so long. */
  unread?: () => void;
  /** Tells this list from those of other processes and times. */
  epoch: () => string;
};

type Entry = { seq: number; text: string | undefined; labels: Readonly<Record<string, string>> };

/** Items that are told before other work gets its turn. */
const TURN = 100;

export class LiveList<T extends KubeObject> {
  readonly #options: LiveListOptions<T>;
  #running: Running<T> | undefined;
  #linger: NodeJS.Timeout | undefined;
  #readers = 0;

  constructor(options: LiveListOptions<T>) {
    this.#options = options;
  }

  /**
   * What there is and what changes, for as long as it is read.
   * @param after token of the last piece that is known
   * @param shown whether an object with these labels is of interest
   * @throws what listing failed with, and the signal's reason
   */
  async *read(
    after: string | undefined,
    shown: (labels: Entry['labels']) => boolean,
    signal: AbortSignal,
  ): AsyncGenerator<Piece, void> {
    const running = this.#begin();
    try {
      yield* running.read(after, shown, signal);
    } finally {
      this.#leave();
    }
  }

  #begin(): Running<T> {
    this.#readers++;
    clearTimeout(this.#linger);
    if (!this.#running || this.#running.ended) this.#running = new Running(this.#options);
    return this.#running;
  }

  #leave(): void {
    this.#readers--;
    if (this.#readers > 0) return;
    const { lingerMs = 30_000 } = this.#options;
    this.#linger = setTimeout(() => {
      this.#running?.end();
      this.#running = undefined;
      this.#options.unread?.();
    }, lingerMs).unref();
  }
}

/** One run of the watch, from its first list until it ends. */
class Running<T extends KubeObject> {
  readonly #options: LiveListOptions<T>;
  readonly #epoch: string;
  readonly #stop = new AbortController();
  readonly #entries = new Map<string, Entry>();
  /** Ids in the order of their changes; the first has the number `#first`. */
  #order: string[] = [];
  #first = 1;
  #synced = false;
  #failure: { error: unknown } | undefined;
  /** Readers that have been told everything. */
  readonly #waiting = new Set<() => void>();

  constructor(options: LiveListOptions<T>) {
    this.#options = options;
    this.#epoch = options.epoch();
    const signal = AbortSignal.any([this.#stop.signal, options.closing]);
    this.#run(signal).catch((error: unknown) => {
      this.#failure = { error };
      if (!signal.aborted) options.logger.warn('a live list ended', { error: describeError(error) });
      this.#wake();
    });
  }

  get ended(): boolean {
    return this.#failure !== undefined;
  }

  end(): void {
    this.#stop.abort(new Error('nobody reads the list'));
  }

  async *read(
    after: string | undefined,
    shown: (labels: Entry['labels']) => boolean,
    signal: AbortSignal,
  ): AsyncGenerator<Piece, void> {
    while (!this.#synced) await this.#wait(signal);
    yield { type: 'open' };
    let at = this.#placeOf(after);
    if (at === undefined && after !== undefined) yield { type: 'reset', token: FROM_THE_BEGINNING };
    for (let told = 0; ; ) {
      signal.throwIfAborted();
      if (at === undefined) {
        const from = this.#last;
        for (const id of [...this.#entries.keys()]) {
          const entry = this.#entries.get(id);
          if (entry?.text === undefined || !shown(entry.labels)) continue;
          yield { type: 'item', id, text: entry.text, token: FROM_THE_BEGINNING };
          if (++told % TURN === 0) await nextTurn(undefined, { signal });
        }
        at = from;
        yield { type: 'synced', token: this.#tokenOf(at) };
      }
      if (at < this.#first - 1) {
        at = undefined;
        yield { type: 'reset', token: FROM_THE_BEGINNING };
        continue;
      }
      const id: string | undefined = this.#order[at + 1 - this.#first];
      if (id === undefined) {
        await this.#wait(signal);
        continue;
      }
      at++;
      const entry = this.#entries.get(id);
      // It changed again: it is told of there.
      if (!entry || entry.seq !== at || !shown(entry.labels)) continue;
      const token = this.#tokenOf(at);
      yield entry.text === undefined ? { type: 'deleted', id, token } : { type: 'item', id, text: entry.text, token };
      if (++told % TURN === 0) await nextTurn(undefined, { signal });
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { open, text: textOf } = this.#options;
    type Listed = Map<string, { text: string; labels: Entry['labels'] }>;
    let listed: Listed = new Map();
    for await (const change of open(signal)) {
      switch (change.type) {
        case 'reset':
          listed = new Map();
          break;
        case 'objects':
          for (const object of change.objects) {
            listed.set(object.metadata.name, { text: textOf(object), labels: object.metadata.labels ?? {} });
          }
          break;
        case 'synced':
          for (const [id, { text, labels }] of listed) this.#set(id, text, labels);
          for (const [id, { text, labels }] of this.#entries) {
            if (text !== undefined && !listed.has(id)) this.#set(id, undefined, labels);
          }
          listed = new Map();
          this.#synced = true;
          this.#wake();
          break;
        case 'changed':
          this.#tell(change.object, textOf(change.object));
          break;
        case 'deleted':
          this.#tell(change.object, undefined);
          break;
        default:
          change satisfies never;
      }
    }
    throw signal.reason;
  }

  #tell({ metadata }: T, text: string | undefined): void {
    this.#set(metadata.name, text, metadata.labels ?? {});
    this.#wake();
  }

  #set(id: string, text: string | undefined, labels: Entry['labels']): void {
    // Much of what changes in an object is nothing that a list shows.
    if (this.#entries.get(id)?.text === text) return;
    this.#order.push(id);
    this.#entries.set(id, { seq: this.#last, text, labels });
    const { remembered = 4_096 } = this.#options;
    if (this.#order.length < 2 * remembered) return;
    const forgotten = this.#order.splice(0, this.#order.length - remembered);
    this.#first += forgotten.length;
    for (const one of forgotten) {
      const { seq = 0, text } = this.#entries.get(one) ?? {};
      if (text === undefined && seq < this.#first) this.#entries.delete(one);
    }
  }

  get #last(): number {
    return this.#first + this.#order.length - 1;
  }

  #tokenOf(seq: number): string {
    return `${this.#epoch}-${seq}`;
  }

  /** The number that a token stands for, when it is known what came after it. */
  #placeOf(token: string | undefined): number | undefined {
    const cut = token?.lastIndexOf('-') ?? -1;
    if (token === undefined || token.slice(0, cut) !== this.#epoch || !/^\d{1,15}$/.test(token.slice(cut + 1))) return undefined;
    const seq = Number(token.slice(cut + 1));
    return seq >= this.#first - 1 && seq <= this.#last ? seq : undefined;
  }

  /** Until something may have changed. @throws what the watch ended with, or the reader's reason to go */
  async #wait(signal: AbortSignal): Promise<void> {
    this.#check(signal);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    const leave = () => resolve();
    signal.addEventListener('abort', leave, { once: true });
    await promise;
    signal.removeEventListener('abort', leave);
    this.#waiting.delete(resolve);
    this.#check(signal);
  }

  #check(signal: AbortSignal): void {
    if (this.#failure) throw this.#failure.error;
    signal.throwIfAborted();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
