/** The blob port: what is too large for an event. Every adapter passes test/conformance/blob.ts. */

/** Payloads above this many bytes go to the blob store and leave a reference in the event. */
export const INLINE_LIMIT = 32 * 1024;

/** Content-addressed within a session: the same bytes put twice are one blob. */
export type BlobRef = { readonly blob: string; readonly bytes: number };

export class BlobMissingError extends Error {
  override readonly name = 'BlobMissingError';
}

/** The store cannot be reached or cannot write now (disk full, no permission). Trying again later may succeed. */
export class BlobUnavailableError extends Error {
  override readonly name = 'BlobUnavailableError';
}

/** More than this store takes for one blob or for one session. Trying again does not help; the message says what would. */
export class BlobTooLargeError extends Error {
  override readonly name = 'BlobTooLargeError';
}

export interface BlobStore {
  /**
   * Stores bytes for a session and returns once they are on disk. The reference is `sha256-<hex>`.
   * @throws BlobUnavailableError | BlobTooLargeError
   */
  put(uid: string, bytes: Uint8Array): Promise<BlobRef>;
  /** @throws BlobMissingError when there is none, or what is there is damaged */
  get(uid: string, ref: BlobRef, signal?: AbortSignal): Promise<Uint8Array>;
  /** Removes all blobs of a session. */
  delete(uid: string): Promise<void>;
  /** UIDs that have blobs. */
  sessions(): Promise<string[]>;
}
