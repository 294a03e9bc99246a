/** Text in events: inline when small, a blob when large. */
import { sleep } from '../clock.ts';
import { type BlobRef, type BlobStore, BlobUnavailableError, INLINE_LIMIT } from './blob.ts';
import type { TextOrBlob } from './event-parts.ts';

/** Characters of texts that are kept in memory for one session: those of a long conversation's latest turns. */
const KEPT_CHARS = 2_000_000;
const RETRY_MS = [100, 250, 500, 1_000, 2_000, 5_000];

/** What a store does while blobs cannot be written. Without it the first failure is thrown. */
export type WhileUnavailable = {
  /** Ends the waiting. */
  signal: AbortSignal;
  /** Told why blobs cannot be written, and undefined once they can again. */
  tell(message: string | undefined): void;
};

/** Texts of one session, with those read or written lately kept in memory. */
export class TextStore {
  readonly #blobs: BlobStore;
  readonly #uid: string;
  readonly #waiting: WhileUnavailable | undefined;
  /** Least lately used first. */
  readonly #cache = new Map<string, string>();
  #chars = 0;

  constructor(blobs: BlobStore, uid: string, waiting?: WhileUnavailable) {
    this.#blobs = blobs;
    this.#uid = uid;
    this.#waiting = waiting;
  }

  /**
   * What to put into an event for this text. The blob is on disk when it resolves; what a model was paid for is not given
   * up because the disk is full for a while.
   * @throws BlobUnavailableError unless it was given what to do then, the signal's reason
   */
  async store(text: string): Promise<TextOrBlob> {
    if (text.length <= INLINE_LIMIT / 4 || Buffer.byteLength(text) <= INLINE_LIMIT) return text;
    const ref = await this.#put(Buffer.from(text));
    this.#keep(ref.blob, text);
    return ref;
  }

  /** The text of an event. @throws BlobMissingError */
  async load(value: TextOrBlob): Promise<string> {
    if (typeof value === 'string') return value;
    const text = this.#cache.get(value.blob) ?? Buffer.from(await this.#blobs.get(this.#uid, value)).toString('utf8');
    this.#keep(value.blob, text);
    return text;
  }

  /** JSON of any size. */
  async storeJson<T>(value: T): Promise<T | BlobRef> {
    const stored = await this.store(JSON.stringify(value));
    return typeof stored === 'string' ? value : stored;
  }

  /** Lets go of what is kept in memory. */
  forget(): void {
    this.#cache.clear();
    this.#chars = 0;
  }

  async #put(bytes: Uint8Array): Promise<BlobRef> {
    for (let attempt = 0; ; attempt++) {
      try {
        const ref = await this.#blobs.put(this.#uid, bytes);
        if (attempt > 0) this.#waiting?.tell(undefined);
        return ref;
      } catch (error) {
        if (!this.#waiting || !(error instanceof BlobUnavailableError)) throw error;
        this.#waiting.tell(error.message);
        await sleep(RETRY_MS[attempt] ?? 5_000, this.#waiting.signal);
      }
    }
  }

  #keep(blob: string, text: string): void {
    if (this.#cache.delete(blob)) this.#chars -= text.length;
    if (text.length > KEPT_CHARS) return;
    this.#cache.set(blob, text);
    this.#chars += text.length;
    for (const [oldest, dropped] of this.#cache) {
      if (this.#chars <= KEPT_CHARS) return;
      this.#cache.delete(oldest);
      this.#chars -= dropped.length;
    }
  }
}

/** Whether an event's value was too large for it. */
export function isBlob(value: unknown): value is BlobRef {
  return typeof value === 'object' && value !== null && typeof (value as Partial<BlobRef>).blob === 'string';
}
