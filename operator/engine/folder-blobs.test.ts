import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type BlobAdapter, describeBlobStore, failingBlobCases } from '../../test/conformance/blob.ts';
import { type BlobStore, BlobUnavailableError } from './blob.ts';
import { FolderBlobStore } from './folder-blobs.ts';

/** The adapter for the suite; `wrap` stands between the suite and each store. */
function folders(wrap: (store: BlobStore, folder: string) => BlobStore = (store) => store): BlobAdapter {
  return {
    name: 'FolderBlobStore',
    async make() {
      const folder = mkdtempSync(join(tmpdir(), 'blobs-'));
      return {
        connect: async () => wrap(await FolderBlobStore.open(join(folder, 'blobs')), join(folder, 'blobs')),
        async damage(uid, ref, how) {
          const file = join(folder, 'blobs', uid, ref.blob);
          const bytes = readFileSync(file);
          writeFileSync(file, how === 'cut' ? bytes.subarray(0, bytes.length / 2) : bytes.fill((bytes[5] ?? 0) ^ 1, 5, 6));
        },
        async [Symbol.asyncDispose]() {
          rmSync(folder, { recursive: true });
        },
      };
    },
  };
}

describeBlobStore(folders());

describe('The suite for blob stores', () => {
  it('turns red when an adapter gives out what it finds without checking it', async () => {
    const broken = (store: BlobStore, folder: string): BlobStore => ({
      put: (uid, bytes) => store.put(uid, bytes),
      get: async (uid, ref) => readFileSync(join(folder, uid, ref.blob)),
      delete: (uid) => store.delete(uid),
      sessions: () => store.sessions(),
    });
    expect(await failingBlobCases(folders(broken))).toEqual(
      expect.arrayContaining([
        'never gives out damaged bytes, and is mended by putting them again',
        'a reference cannot lead out of the session',
      ]),
    );
  });
});

describe('FolderBlobStore', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'blobs-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('keeps blobs in a folder per session that only its user can read', async () => {
    const store = await FolderBlobStore.open(folder);
    const ref = await store.put('a', Buffer.from('bytes'));
    expect(readdirSync(join(folder, 'a'))).toEqual([ref.blob]);
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'a', ref.blob)).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, '.partial'))).toEqual([]);
  });

  it('removes what a process that died was writing, and never takes it for a session', async () => {
    mkdirSync(join(folder, '.partial'));
    writeFileSync(join(folder, '.partial', 'half'), 'half a blob');
    const store = await FolderBlobStore.open(folder);
    expect(existsSync(join(folder, '.partial', 'half'))).toBe(false);
    expect(await store.sessions()).toEqual([]);
  });

  it('names the folder when it cannot be made', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    await expect(FolderBlobStore.open(join(file, 'blobs'))).rejects.toThrow(BlobUnavailableError);
    await expect(FolderBlobStore.open(join(file, 'blobs'))).rejects.toThrow(join(file, 'blobs'));
  });

  const tmpfs = ['--dev-bind', '/', '/', '--size', '1000000', '--tmpfs', '/mnt'];
  const canMount = spawnSync('bwrap', [...tmpfs, 'true']).status === 0;
  if (!canMount) console.warn('not tested: a full disk (bubblewrap cannot make a small file system here)');
  (canMount ? it : it.skip)(
    'is unavailable while the disk is full, leaves nothing half written, and works once there is space',
    () => {
      const script = `
      import { readdirSync } from 'node:fs';
      import { FolderBlobStore } from ${JSON.stringify(join(import.meta.dirname, 'folder-blobs.ts'))};
      const store = await FolderBlobStore.open('/mnt/blobs');
      const ref = await store.put('a', Buffer.alloc(600_000, 'a'));
      const failure = await store.put('b', Buffer.alloc(600_000, 'b')).catch((error) => error);
      const partial = readdirSync('/mnt/blobs/.partial');
      const kept = (await store.get('a', ref)).byteLength;
      await store.delete('a');
      const { bytes } = await store.put('b', Buffer.alloc(600_000, 'b'));
      console.log(JSON.stringify({ failure: failure.name, message: failure.message, partial, kept, bytes }));`;
      const file = join(folder, 'script.ts');
      writeFileSync(file, script);
      const report = JSON.parse(execFileSync('bwrap', [...tmpfs, process.execPath, file], { encoding: 'utf8' }));
      expect(report).toMatchObject({ failure: 'BlobUnavailableError', partial: [], kept: 600_000, bytes: 600_000 });
      expect(report.message).toContain('ENOSPC');
    },
  );
});
