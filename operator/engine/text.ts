/** Text in events: inline when small, a blob when large. */
import { type BlobRef, type BlobStore, INLINE_LIMIT } from './blob.ts';
import type { TextOrBlob } from './event-parts.ts';

/** Texts of one session, with those read or written lately kept in memory. */
export class TextStore {
  readonly #blobs: BlobStore;
  readonly #uid: string;
  readonly #cache = new Map<string, string>();

  constructor(blobs: BlobStore, uid: string) {
    this.#blobs = blobs;
    this.#uid = uid;
  }

  /** What to put into an event for this text. The blob is on disk when it resolves. */
  async store(text: string): Promise<TextOrBlob> {
    if (text.length <= INLINE_LIMIT / 4 || Buffer.byteLength(text) <= INLINE_LIMIT) return text;
    const ref = await this.#blobs.put(this.#uid, Buffer.from(text));
    this.#cache.set(ref.blob, text);
    return ref;
  }

  /** The text of an event. @throws BlobMissingError */
  async load(value: TextOrBlob): Promise<string> {
    if (typeof value === 'string') return value;
    return this.#cache.get(value.blob) ?? this.#read(value);
  }

  async #read(ref: BlobRef): Promise<string> {
    const text = Buffer.from(await this.#blobs.get(this.#uid, ref)).toString('utf8');
    this.#cache.set(ref.blob, text);
    return text;
  }

  /** JSON of any size. */
  async storeJson<T>(value: T): Promise<T | BlobRef> {
    const stored = await this.store(JSON.stringify(value));
    return typeof stored === 'string' ? value : stored;
  }
}

/** Whether an event's value was too large for it. */
export function isBlob(value: unknown): value is BlobRef {
  return typeof value === 'object' && value !== null && typeof (value as Partial<BlobRef>).blob === 'string';
}
