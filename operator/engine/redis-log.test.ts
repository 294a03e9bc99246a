import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { describeEventLog, type LogAdapter } from '../../test/conformance/log.ts';
import { eventually } from '../../test/support/eventually.ts';
import { KeepingLogger } from '../../test/support/keeping-logger.ts';
import { following, lines, RedisLogs, range, refusal, subscriptionsOf, textOf, timeOf } from '../../test/support/redis-logs.ts';
import { describeWithRedis } from '../../test/support/requirements.ts';
import { CLAIM_TTL_MS, ClaimedError, type EventLog, FencedError, LogUnavailableError, SequenceError } from './log.ts';
import { redisAddress } from './redis/address.ts';
import { RedisEventLog } from './redis-log.ts';

const root = join(import.meta.dirname, '../..');

describeWithRedis()('On a real Redis', () => {
  const logs = new RedisLogs();
  beforeAll(() => logs.start());
  afterEach(() => logs.clear());
  afterAll(() => logs.stop());

  const adapter: LogAdapter = {
    name: 'RedisEventLog',
    async make() {
      const prefix = `t-${randomUUID()}`;
      const opened: EventLog[] = [];
      let now = Date.now();
      return {
        async connect() {
          const log = await RedisEventLog.open({
            address: logs.redis.address,
            prefix,
            logger: new KeepingLogger(),
            now: () => now,
          });
          opened.push(log);
          await eventually('Redis', () => log.head('a'));
          return log;
        },
        advance(ms) {
          now += ms;
        },
        writer: (uid) => ({
          command: process.execPath,
          args: [join(root, 'test/support/redis-log-writer.ts'), logs.redis.url(), uid, prefix],
        }),
        async [Symbol.asyncDispose]() {
          for (const log of opened) await log.close();
        },
      };
    },
  };
  describeEventLog(adapter);

  describe('RedisEventLog', () => {
    it('lets a claim last as long as the clock of Redis says, whatever the clocks of operators say', async () => {
      const prefix = `t-${randomUUID()}`;
      const [log, other] = [await logs.open({ prefix }), await logs.open({ prefix })];
      const before = await timeOf(logs.redis);
      await log.claim('a', 'one');
      for (const skew of [-300_000, 300_000]) {
        const local = Date.now() + skew;
        const clock = jest.spyOn(Date, 'now').mockReturnValue(local);
        const refusal = await other.claim('a', 'two').catch((error: unknown) => error);
        clock.mockRestore();
        const left = refusal instanceof ClaimedError ? refusal.expiresAt - local : Number.NaN;
        expect(left).toBeGreaterThan(0);
        expect(left).toBeLessThanOrEqual(CLAIM_TTL_MS);
      }
      const taken = await eventually('the end of the claim', () => other.claim('a', 'two'));
      expect(taken.epoch).toBe(2);
      expect((await timeOf(logs.redis)) - before).toBeGreaterThanOrEqual(CLAIM_TTL_MS);
    });

    it('stores an append once whose answer was lost, also when it is made again with more', async () => {
      const log = await logs.open();
      const { epoch } = await log.claim('a', 'one');
      const lost = logs.redis.line.loseNextAnswer();
      const append = log.append('a', epoch, 0, lines('1', '2'));
      await expect(append).rejects.toThrow(LogUnavailableError);
      await lost;
      const stored = await log.append('a', epoch, 0, lines('1', '2', '3'));
      expect(stored.map(({ seq }) => seq)).toEqual([1, 2, 3]);
      expect(await log.append('a', epoch, 0, lines('1', '2', '3'))).toEqual(stored);
      await expect(log.append('a', epoch, 2, lines('another'))).rejects.toThrow(SequenceError);
      await expect(log.append('a', epoch, 0, lines('1', '2'))).rejects.toThrow(SequenceError);
      expect(await log.read('a', 0)).toEqual(stored);
    });

    it('does not take an append for done once another has claimed the session', async () => {
      const prefix = `t-${randomUUID()}`;
      const [log, other] = [await logs.open({ prefix }), await logs.open({ prefix })];
      const { epoch } = await log.claim('a', 'one');
      await log.append('a', epoch, 0, lines('1'));
      await log.release({ uid: 'a', holder: 'one', epoch, lastSeq: 1 });
      await other.claim('a', 'two');
      await expect(log.append('a', epoch, 0, lines('1'))).rejects.toThrow(FencedError);
    });

    it('hears of events over one connection, however many follow, and lets go of it when it closes', async () => {
      await logs.own();
      const log = await logs.open();
      const followers = range(1, 40).map((index) => following(log, `session-${index % 20}`));
      await eventually('the subscriptions', async () => (await subscriptionsOf(logs.redis)) === 20);
      expect(logs.redis.line.connections).toBe(2);
      for (const { end } of followers) await end();
      await eventually('their end', async () => (await subscriptionsOf(logs.redis)) === 0);
      await log.close();
      await eventually('the end of the connections', () => logs.redis.line.connections === 0);
    });

    it('keeps to its database and its prefix', async () => {
      const [third, prefixed] = [redisAddress(logs.redis.url({ database: 3 })), { prefix: 'apart' }];
      const apart = [
        await logs.open(prefixed),
        await logs.open({ ...prefixed, address: third }),
        await logs.open({ prefix: 'apart-2' }),
      ];
      for (const [index, log] of apart.entries()) {
        const { epoch } = await log.claim('a', 'one', { epoch: 10 * index });
        await log.append('a', epoch, 0, lines(`${index}`));
      }
      for (const [index, log] of apart.entries()) {
        expect((await log.read('a', 0)).map(textOf)).toEqual([`${index}`]);
        expect(await log.sessions()).toEqual(['a']);
      }
      const beyond = await logs.openUnreached({ address: redisAddress(logs.redis.url({ database: 99 })) });
      await eventually('the refusal', async () => /DB index is out of range/.test(await refusal(beyond.head('a'))));
    });

    it('finds all sessions among many other keys, whatever their UIDs are made of', async () => {
      const uids = ['a b', 'braces{}', 'colon:claim', 'zürich', '*', 'plain-1'];
      const log = await logs.open();
      for (const uid of uids) await log.append(uid, (await log.claim(uid, 'one')).epoch, 0, lines(uid));
      await logs.redis.admin.mset(Object.fromEntries(range(1, 3_000).map((index) => [`other:{${index}}:claim`, 'x'])));
      expect(await log.sessions()).toEqual(uids.toSorted());
      for (const uid of uids) expect((await log.read(uid, 0)).map(textOf)).toEqual([uid]);
    });
  });
});
