import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { describeBlobStore } from '../../test/conformance/blob.ts';
import { eventually } from '../../test/support/eventually.ts';
import { KeepingLogger } from '../../test/support/keeping-logger.ts';
import { RedisServer } from '../../test/support/redis-server.ts';
import { describeWithRedis } from '../../test/support/requirements.ts';
import { BlobTooLargeError, BlobUnavailableError } from './blob.ts';
import { faultOf } from './faults.ts';
import { RedisBlobStore, type RedisBlobStoreOptions } from './redis-blobs.ts';

describeWithRedis()('On a real Redis', () => {
  let redis: RedisServer;
  const opened: RedisBlobStore[] = [];
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  async function open(options: Partial<RedisBlobStoreOptions> = {}): Promise<RedisBlobStore> {
    const all = { address: redis.address, prefix: `t-${randomUUID()}`, logger: new KeepingLogger(), ...options };
    const store = await RedisBlobStore.open(all);
    opened.push(store);
    await eventually('Redis', () => store.sessions());
    return store;
  }

  describeBlobStore({
    name: 'RedisBlobStore',
    async make() {
      const prefix = `t-${randomUUID()}`;
      return {
        connect: () => open({ prefix }),
        async damage(uid, ref, how) {
          const key = `${prefix}:{${uid}}:blobs`;
          const bytes = (await redis.admin.hgetBuffer(key, ref.blob)) ?? Buffer.alloc(0);
          const damaged =
            how === 'cut' ? bytes.subarray(0, bytes.length / 2) : Buffer.from(bytes).fill((bytes[5] ?? 0) ^ 1, 5, 6);
          await redis.admin.hset(key, ref.blob, damaged);
        },
        async [Symbol.asyncDispose]() {
          // What was opened is closed after the test.
        },
      };
    },
  });

  describe('RedisBlobStore', () => {
    it('takes no blob above its limit and no more than its limit per session, in words for the user', async () => {
      const store = await open({ limits: { blob: 2_000_000, session: 5_000_000 } });
      const blobs = ['a', 'b'].map((letter) => Buffer.alloc(1_900_000, letter));
      for (const bytes of blobs) await store.put('s', bytes);
      const more = await store.put('s', Buffer.alloc(1_900_000, 'c')).catch((error: unknown) => error);
      const larger = await store.put('t', Buffer.alloc(2_000_001)).catch((error: unknown) => error);
      for (const error of [more, larger]) expect(error).toBeInstanceOf(BlobTooLargeError);
      expect(String(more)).toMatch(
        /at most 2 MiB at once and 4.8 MiB per session, and cannot store another of 1.9 MiB beside 3.7 MiB/,
      );
      expect(String(larger)).toMatch(/cannot store one of 2 MiB. Let the session change less, or set BLOB_STORE=s3 or folder/);
      expect(faultOf(larger)).toMatchObject({ kind: 'final', reason: 'TooLargeToStore' });
      // The same again is no more.
      for (const bytes of blobs) await store.put('s', bytes);
      await store.put('s', Buffer.from('small'));
      await store.delete('s');
      for (const bytes of blobs) await store.put('s', bytes);
    });

    it('is unavailable while Redis is full or away, and works again by itself', async () => {
      const store = await open();
      await store.put('a', Buffer.from('1'));
      await redis.admin.config('SET', 'maxmemory', '1');
      await expect(store.put('a', Buffer.from('2'))).rejects.toThrow(/reached its maxmemory/);
      await redis.admin.config('SET', 'maxmemory', '0');
      const ref = await store.put('a', Buffer.from('2'));
      await redis.kill();
      await expect(store.get('a', ref)).rejects.toThrow(BlobUnavailableError);
      await redis.restart();
      expect(Buffer.from(await eventually('the blob', () => store.get('a', ref))).toString()).toBe('2');
    });

    it('gives up reading when its signal aborts, also while nothing comes', async () => {
      const store = await open();
      const ref = await store.put('a', Buffer.from('1'));
      redis.line.hold();
      const reason = new Error('enough');
      const stop = new AbortController();
      const reading = store.get('a', ref, stop.signal);
      stop.abort(reason);
      await expect(reading).rejects.toBe(reason);
      redis.line.pass();
    });
  });
});
