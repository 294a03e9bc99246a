/**
 * Blobs in Redis, for small ones: a hash per session with a field per blob, and one with the bytes of all. They cost memory
 * of a server that others need as well, hence the limits.
 */
import type { Logger } from '../logger.ts';
import { withDeadline } from '../sandbox/deadline.ts';
import { BlobMissingError, type BlobRef, type BlobStore, BlobTooLargeError, BlobUnavailableError } from './blob.ts';
import { blobRefOf, checkBytes, checkName, checkUid } from './blob-name.ts';
import type { RedisAddress } from './redis/address.ts';
import { RedisConnection } from './redis/connection.ts';
import { keysLike, keysOf, PREFIX } from './redis/keys.ts';
import { answerOf, numberAt, PUT_BLOB } from './redis/scripts.ts';

export type RedisBlobStoreOptions = {
  address: RedisAddress;
  /** Begins the names of all keys, and keeps installations apart. */
  prefix: string;
  logger: Logger;
  /** Of one blob, and of all of a session together, in bytes. */
  limits?: { blob: number; session: number };
};

const MIB = 1024 * 1024;
const LIMITS = { blob: 8 * MIB, session: 64 * MIB };
/** Large values take a while. */
const SILENCE_MS = 10_000;
const SCAN_COUNT = 1_000;

export class RedisBlobStore implements BlobStore {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #limits: { blob: number; session: number };

  private constructor(connection: RedisConnection, { prefix, limits = LIMITS }: RedisBlobStoreOptions) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#limits = limits;
  }

  /** Begins to connect and returns at once: what is asked of a store that is not reached fails with BlobUnavailableError. */
  static async open(options: RedisBlobStoreOptions): Promise<RedisBlobStore> {
    const { address, logger, prefix } = options;
    if (!PREFIX.test(prefix)) throw new RangeError(`${JSON.stringify(prefix)} cannot begin the names of keys`);
    const connection = await RedisConnection.open({
      address,
      logger,
      purpose: 'blob store',
      deadlines: { silenceMs: SILENCE_MS },
      unavailable: (message, cause) => new BlobUnavailableError(message, { cause }),
      damaged: (message, cause) => new BlobMissingError(message, { cause }),
    });
    connection.start();
    return new RedisBlobStore(connection, options);
  }

  async put(uid: string, bytes: Uint8Array): Promise<BlobRef> {
    checkUid(uid);
    const ref = blobRefOf(bytes);
    if (ref.bytes > this.#limits.blob) throw this.#tooLarge(uid, `one of ${mib(ref.bytes)}`);
    const { blobs } = keysOf(this.#prefix, uid);
    const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const reply = await this.#connection.run((redis) => redis.eval(PUT_BLOB, 1, blobs, ref.blob, value, this.#limits.session));
    const { word, rest } = answerOf(reply);
    if (word === 'full')
      throw this.#tooLarge(uid, `another of ${mib(ref.bytes)} beside ${mib(numberAt(rest, 0))} of the session's`);
    return ref;
  }

  async get(uid: string, ref: BlobRef, signal?: AbortSignal): Promise<Uint8Array> {
    checkUid(uid);
    checkName(uid, ref);
    signal?.throwIfAborted();
    const { blobs } = keysOf(this.#prefix, uid);
    const got = this.#connection.run((redis) => redis.hgetBuffer(blobs, ref.blob));
    const bytes = await withDeadline(got, signal ? { signal } : {});
    if (bytes === null) throw new BlobMissingError(`session ${uid}: there is no blob ${ref.blob}`);
    return checkBytes(uid, ref, bytes);
  }

  async delete(uid: string): Promise<void> {
    checkUid(uid);
    await this.#connection.run((redis) => redis.unlink(keysOf(this.#prefix, uid).blobs));
  }

  async sessions(): Promise<string[]> {
    const { pattern, uidOf } = keysLike(this.#prefix, 'blobs');
    const found = new Set<string>();
    for (let cursor = '0'; ; ) {
      const [next, keys] = await this.#connection.run((redis) => redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT));
      for (const key of keys) found.add(uidOf(key));
      if (next === '0') return [...found].sort();
      cursor = next;
    }
  }

  /** Waits for what was asked for until now; everything after it fails with BlobUnavailableError. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  #tooLarge(uid: string, what: string): BlobTooLargeError {
    const { blob, session } = this.#limits;
    return new BlobTooLargeError(
      `session ${uid}: the blob store in ${this.#connection.where} takes at most ${mib(blob)} at once and ${mib(session)} per session, and cannot store ${what}. Let the session change less, or set BLOB_STORE=s3 or folder`,
    );
  }
}

function mib(bytes: number): string {
  return `${Math.ceil((bytes / MIB) * 10) / 10} MiB`;
}
