/** What every BlobStore must do, as cases that an adapter's test declares with `describeBlobStore`. */
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { BlobMissingError, type BlobRef, type BlobStore } from '../../operator/engine/blob.ts';

/** Empty storage of one adapter, made for one case. */
export type BlobStorage = AsyncDisposable & {
  connect(): Promise<BlobStore>;
  /** Changes a byte of a stored blob, or cuts it off, behind the store's back. */
  damage(uid: string, ref: BlobRef, how: 'changed' | 'cut'): Promise<void>;
};

export type BlobAdapter = { name: string; make(): Promise<BlobStorage> };

/** Declares the suite as Jest tests. */
export function describeBlobStore(adapter: BlobAdapter): void {
  describe(`${adapter.name} as a blob store`, () => {
    it.each(Object.keys(cases))('%s', async (name) => {
      await using storage = await adapter.make();
      await cases[name]?.(storage);
    });
  });
}

/** Runs the suite and returns the names of the cases that fail. */
export async function failingBlobCases(adapter: BlobAdapter): Promise<string[]> {
  const failing: string[] = [];
  for (const [name, run] of Object.entries(cases)) {
    await using storage = await adapter.make();
    await run(storage).catch(() => failing.push(name));
  }
  return failing;
}

const cases: Record<string, (storage: BlobStorage) => Promise<void>> = {
  async 'gives back the bytes under a name that is their hash'(storage) {
    const store = await storage.connect();
    for (const bytes of [randomBytes(100_000), Buffer.from('Zürich\u0000'), new Uint8Array(0)]) {
      const ref = await store.put('a', bytes);
      expect(ref).toEqual({ blob: `sha256-${createHash('sha256').update(bytes).digest('hex')}`, bytes: bytes.byteLength });
      expect(Buffer.compare(await store.get('a', ref), bytes)).toBe(0);
    }
  },

  async 'keeps what was put for whoever opens the store later'(storage) {
    const ref = await (await storage.connect()).put('a', Buffer.from('bytes'));
    expect(text(await (await storage.connect()).get('a', ref))).toBe('bytes');
  },

  async 'takes the same bytes twice, also at once'(storage) {
    const store = await storage.connect();
    const bytes = randomBytes(50_000);
    const refs = await Promise.all(Array.from({ length: 8 }, () => store.put('a', bytes)));
    expect(new Set(refs.map(({ blob }) => blob)).size).toBe(1);
    const again = await store.put('a', bytes);
    expect(Buffer.compare(await store.get('a', again), bytes)).toBe(0);
  },

  async 'takes many different bytes at once'(storage) {
    const store = await storage.connect();
    const refs = await Promise.all(
      Array.from({ length: 40 }, (_, index) => store.put(`s${index % 4}`, Buffer.from(`blob ${index}`))),
    );
    const texts = await Promise.all(refs.map(async (ref, index) => text(await store.get(`s${index % 4}`, ref))));
    expect(texts).toEqual(refs.map((_, index) => `blob ${index}`));
  },

  async 'says that a blob is missing'(storage) {
    const store = await storage.connect();
    const ref = await store.put('a', Buffer.from('of a'));
    await expect(store.get('b', ref)).rejects.toThrow(BlobMissingError);
    await expect(store.get('a', { ...ref, blob: `sha256-${'0'.repeat(64)}` })).rejects.toThrow(BlobMissingError);
  },

  async 'never gives out damaged bytes, and is mended by putting them again'(storage) {
    const store = await storage.connect();
    const bytes = randomBytes(10_000);
    for (const how of ['changed', 'cut'] as const) {
      const ref = await store.put('a', bytes);
      await storage.damage('a', ref, how);
      await expect(store.get('a', ref)).rejects.toThrow(BlobMissingError);
      await store.put('a', bytes);
      expect(Buffer.compare(await store.get('a', ref), bytes)).toBe(0);
    }
  },

  async 'a reference cannot lead out of the session'(storage) {
    const store = await storage.connect();
    const { blob, bytes } = await store.put('a', Buffer.from('of a'));
    for (const name of [`../a/${blob}`, '../a', '', '.', '/etc/passwd', `${blob}\n`]) {
      await expect(store.get('b', { blob: name, bytes })).rejects.toThrow(BlobMissingError);
    }
    for (const uid of ['..', '../a', '', '/tmp', 'a/b', '.hidden']) {
      await expect(store.put(uid, Buffer.from('x'))).rejects.toThrow(TypeError);
      await expect(store.get(uid, { blob, bytes })).rejects.toThrow(TypeError);
      await expect(store.delete(uid)).rejects.toThrow(TypeError);
    }
  },

  async 'deleting removes all blobs of that session only'(storage) {
    const store = await storage.connect();
    const a = [await store.put('a', Buffer.from('1')), await store.put('a', Buffer.from('2'))];
    const b = await store.put('b', Buffer.from('1'));
    expect((await store.sessions()).toSorted()).toEqual(['a', 'b']);
    await store.delete('a');
    await store.delete('a');
    for (const ref of a) await expect(store.get('a', ref)).rejects.toThrow(BlobMissingError);
    expect(text(await store.get('b', b))).toBe('1');
    expect(await store.sessions()).toEqual(['b']);
    await store.put('a', Buffer.from('3'));
    expect((await store.sessions()).toSorted()).toEqual(['a', 'b']);
  },

  async 'reading stops with its signal'(storage) {
    const store = await storage.connect();
    const ref = await store.put('a', Buffer.from('bytes'));
    const reason = new Error('enough');
    await expect(store.get('a', ref, AbortSignal.abort(reason))).rejects.toBe(reason);
  },
};

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
