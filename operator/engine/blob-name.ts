/** Names of blobs: the hash of their bytes, so that a store can tell a damaged one and keeps the same bytes once. */
import { createHash } from 'node:crypto';
import { BlobMissingError, type BlobRef } from './blob.ts';

export function blobRefOf(bytes: Uint8Array): BlobRef {
  return { blob: nameOf(bytes), bytes: bytes.byteLength };
}

/** A UID that is no plain name could lead out of its session. @throws TypeError */
export function checkUid(uid: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(uid)) {
    throw new TypeError(`${JSON.stringify(uid)} is no UID: use letters, digits, '-', '_' and '.', at most 128`);
  }
}

/** @throws BlobMissingError when the reference can be that of no blob */
export function checkName(uid: string, { blob }: BlobRef): void {
  if (!/^sha256-[0-9a-f]{64}$/.test(blob)) throw new BlobMissingError(`session ${uid}: ${blob} is no name of a blob`);
}

/** The bytes that were found under a name. @throws BlobMissingError when they are not those that were put there */
export function checkBytes(uid: string, { blob }: BlobRef, bytes: Uint8Array): Uint8Array {
  if (nameOf(bytes) === blob) return bytes;
  throw new BlobMissingError(`session ${uid}: blob ${blob} is damaged, its ${bytes.byteLength} bytes do not match its name`);
}

function nameOf(bytes: Uint8Array): string {
  return `sha256-${createHash('sha256').update(bytes).digest('hex')}`;
}
