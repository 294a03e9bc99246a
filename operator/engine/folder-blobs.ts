/**
 * Blobs as files: `<folder>/<uid>/sha256-<hex>`. A blob appears under its name only when all of it is on disk, and it is
 * checked against its name whenever it is read. One process owns the folder.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../error-code.ts';
import { BlobMissingError, type BlobRef, type BlobStore, BlobUnavailableError } from './blob.ts';
import { blobRefOf, checkBytes, checkName, checkUid } from './blob-name.ts';

/** Blobs being written. No UID begins with a dot. */
const PARTIAL = '.partial';

export class FolderBlobStore implements BlobStore {
  readonly #folder: string;
  readonly #fsync: boolean;

  private constructor(folder: string, fsync: boolean) {
    this.#folder = folder;
    this.#fsync = fsync;
  }

  /**
   * Makes the folder when there is none, and removes what a process that died was writing.
   * @param options fsync: false leaves it out, so that a power cut may lose blobs; for measurements only. Default true.
   * @throws BlobUnavailableError
   */
  static async open(folder: string, options: { fsync?: boolean } = {}): Promise<FolderBlobStore> {
    try {
      await rm(join(folder, PARTIAL), { recursive: true, force: true });
      await mkdir(join(folder, PARTIAL), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw unavailable('cannot be opened', folder, error);
    }
    return new FolderBlobStore(folder, options.fsync ?? true);
  }

  async put(uid: string, bytes: Uint8Array): Promise<BlobRef> {
    const session = this.#session(uid);
    const ref = blobRefOf(bytes);
    const partial = join(this.#folder, PARTIAL, randomUUID());
    try {
      await this.#writeWhole(partial, bytes);
      if (await mkdir(session, { recursive: true, mode: 0o700 })) await this.#sync(this.#folder);
      await rename(partial, join(session, ref.blob));
      await this.#sync(session);
    } catch (error) {
      await rm(partial, { force: true });
      throw unavailable('cannot store a blob', session, error);
    }
    return ref;
  }

  async get(uid: string, ref: BlobRef, signal?: AbortSignal): Promise<Uint8Array> {
    const session = this.#session(uid);
    checkName(uid, ref);
    let bytes: Uint8Array;
    try {
      bytes = await readFile(join(session, ref.blob), { signal });
    } catch (error) {
      signal?.throwIfAborted();
      if (errorCode(error) === 'ENOENT')
        throw new BlobMissingError(`session ${uid}: there is no blob ${ref.blob}`, { cause: error });
      throw unavailable('cannot read a blob', session, error);
    }
    return checkBytes(uid, ref, bytes);
  }

  async delete(uid: string): Promise<void> {
    const session = this.#session(uid);
    try {
      await rm(session, { recursive: true, force: true });
    } catch (error) {
      throw unavailable('cannot remove blobs', session, error);
    }
  }

  async sessions(): Promise<string[]> {
    try {
      const entries = await readdir(this.#folder, { withFileTypes: true });
      return entries.flatMap((entry) => (entry.isDirectory() && !entry.name.startsWith('.') ? [entry.name] : []));
    } catch (error) {
      throw unavailable('cannot list blobs', this.#folder, error);
    }
  }

  /** The folder of a session. @throws TypeError for a UID that could lead out of the store */
  #session(uid: string): string {
    checkUid(uid);
    return join(this.#folder, uid);
  }

  async #writeWhole(path: string, bytes: Uint8Array): Promise<void> {
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(bytes);
    if (this.#fsync) await file.sync();
  }

  /** Makes names that were added to a folder last. */
  async #sync(folder: string): Promise<void> {
    if (!this.#fsync) return;
    await using handle: FileHandle = await open(folder, 'r');
    await handle.sync();
  }
}

function unavailable(what: string, where: string, error: unknown): BlobUnavailableError {
  return new BlobUnavailableError(`${where}: ${what} (${errorCode(error) ?? String(error)})`, { cause: error });
}
