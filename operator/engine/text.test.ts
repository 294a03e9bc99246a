import { describe, expect, it } from '@jest/globals';
import { type BlobRef, type BlobStore, BlobUnavailableError, INLINE_LIMIT } from './blob.ts';
import { isBlob, TextStore } from './text.ts';

/** Blobs in memory, with a count of what is read. */
function memory(failures = 0) {
  const blobs = new Map<string, Uint8Array>();
  let reads = 0;
  let left = failures;
  const store: BlobStore = {
    async put(_uid, bytes) {
      if (left-- > 0) throw new BlobUnavailableError('no space left on device');
      const ref = { blob: `sha256-${blobs.size}`, bytes: bytes.length };
      blobs.set(ref.blob, bytes);
      return ref;
    },
    async get(_uid, ref) {
      reads++;
      return blobs.get(ref.blob) ?? new Uint8Array();
    },
    delete: async () => undefined,
    sessions: async () => [],
  };
  return { store, reads: () => reads };
}

describe('text in events', () => {
  it('is inline up to the limit in bytes and a blob above it', async () => {
    const texts = new TextStore(memory().store, 'uid');
    expect(await texts.store('x'.repeat(INLINE_LIMIT))).toHaveLength(INLINE_LIMIT);
    const large = await texts.store('ü'.repeat(INLINE_LIMIT / 2 + 1));
    expect(isBlob(large)).toBe(true);
    expect(await texts.load(large)).toBe('ü'.repeat(INLINE_LIMIT / 2 + 1));
  });

  it('is kept in memory only as far as it was used lately', async () => {
    const { store, reads } = memory();
    const texts = new TextStore(store, 'uid');
    const refs: (string | BlobRef)[] = [];
    for (let i = 0; i < 60; i++) refs.push(await texts.store(`${i} `.padEnd(50_000, 'x')));
    await texts.load(refs[59] ?? '');
    expect(reads()).toBe(0);
    expect(await texts.load(refs[0] ?? '')).toMatch(/^0 x/);
    expect(reads()).toBe(1);
    await texts.load(refs[0] ?? '');
    expect(reads()).toBe(1);
    texts.forget();
    await texts.load(refs[0] ?? '');
    expect(reads()).toBe(2);
  });

  it('waits for a store that is full, says so, and is stopped by the signal', async () => {
    const told: (string | undefined)[] = [];
    const stop = new AbortController();
    const waiting = { signal: stop.signal, tell: (message: string | undefined) => void told.push(message) };
    const texts = new TextStore(memory(2).store, 'uid', waiting);
    expect(isBlob(await texts.store('x'.repeat(50_000)))).toBe(true);
    expect(told).toEqual(['no space left on device', 'no space left on device', undefined]);
    const never = new TextStore(memory(1_000).store, 'uid', waiting).store('x'.repeat(50_000));
    stop.abort(new Error('stopping'));
    await expect(never).rejects.toThrow('stopping');
    await expect(new TextStore(memory(1).store, 'uid').store('x'.repeat(50_000))).rejects.toThrow(BlobUnavailableError);
  });
});
