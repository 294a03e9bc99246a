import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../../test/support/eventually.ts';
import { KeepingLogger } from '../../test/support/keeping-logger.ts';
import { following, lines, RedisLogs, range, refusal, textOf } from '../../test/support/redis-logs.ts';
import type { RedisConfig } from '../../test/support/redis-server.ts';
import { describeWithRedis } from '../../test/support/requirements.ts';
import { type EventLog, LogDamagedError, LogUnavailableError } from './log.ts';
import { redisAddress } from './redis/address.ts';

const root = join(import.meta.dirname, '../..');

describeWithRedis()('The event log in Redis', () => {
  const logs = new RedisLogs();
  beforeAll(() => logs.start());
  afterEach(() => logs.clear());
  afterAll(() => logs.stop());

  it('keeps what was acknowledged, claims and subscriptions when Redis is killed and started again', async () => {
    await logs.own();
    const log = await logs.open();
    const { epoch } = await log.claim('a', 'one');
    const follower = following(log, 'a');
    for (const last of range(0, 19)) await log.append('a', epoch, last, lines(`${last + 1}`));
    await logs.redis.kill();
    await expect(log.append('a', epoch, 20, lines('21'))).rejects.toThrow(LogUnavailableError);
    await expect(log.head('a')).rejects.toThrow(
      /event log in Redis at 127.0.0.1:\d+: (it cannot be reached|the connection was lost)/,
    );
    await logs.redis.restart();
    await eventually('the next append', () => log.append('a', epoch, 20, lines('21')));
    expect(await log.head('a')).toEqual({ epoch, lastSeq: 21 });
    await eventually('the follower', () => follower.seen.length >= 21);
    expect(follower.seen).toEqual(range(1, 21));
    await follower.end();
  });

  it('gives each event once, in order, to subscribers whose connection is cut again and again', async () => {
    await logs.own();
    const prefix = `t-${randomUUID()}`;
    const writer = await logs.open({ prefix });
    const { epoch } = await writer.claim('a', 'one');
    const reader = await logs.open({ prefix });
    const followers = range(1, 5).map(() => following(reader, 'a'));
    for (const last of range(0, 99)) {
      if (last % 10 === 5) logs.redis.line.cut();
      await eventually('the append', () => writer.append('a', epoch, last, lines(`${last + 1}`)));
    }
    await eventually('all events', () => followers.every(({ seen }) => seen.length >= 100));
    for (const { seen, end } of followers) {
      expect(seen).toEqual(range(1, 100));
      await end();
    }
  });

  it('outlives a partition of half a minute: fails meanwhile, and goes on afterwards with nothing lost or doubled', async () => {
    await logs.own();
    const logger = new KeepingLogger();
    // Time runs ten times as fast: deadlines are a tenth of the usual ones, and so is the partition.
    const log = await logs.open({ logger, deadlines: { patienceMs: 100, silenceMs: 300, retryMs: 200, askMs: 500 } });
    const claim = await eventually('the claim', () => log.claim('a', 'one'));
    const { epoch } = claim;
    await eventually('the first append', () => log.append('a', epoch, 0, lines('1')));
    const follower = following(log, 'a');
    await eventually('the first event', () => follower.seen.length === 1);
    logs.redis.line.hold();
    const began = performance.now();
    await expect(log.append('a', epoch, 1, lines('2'))).rejects.toThrow(LogUnavailableError);
    while (performance.now() - began < 3_000) {
      await expect(log.renew(claim)).rejects.toThrow(LogUnavailableError);
      await expect(log.append('a', epoch, 1, lines('2'))).rejects.toThrow(LogUnavailableError);
    }
    const said = (text: string) => logger.lines.filter((line) => line.includes(text)).length;
    // Its two connections say it once each.
    await eventually('the news', () => said('cannot be reached; trying') - said('is reached again') >= 2);
    expect(said('cannot be reached; trying') - said('is reached again')).toBe(2);
    logs.redis.line.pass();
    // What was held arrives late, perhaps after the next try.
    await eventually('the append', () => log.append('a', epoch, 1, lines('2', '3')));
    await eventually('the renewal', () => log.renew(claim).then(() => true));
    await eventually('the follower', () => follower.seen.length >= 3);
    expect((await eventually('the events', () => log.read('a', 0))).map(textOf)).toEqual(['1', '2', '3']);
    expect(follower.seen).toEqual([1, 2, 3]);
    await follower.end();
  });

  it('that is not reached when it is opened says so once, and works as soon as it is', async () => {
    await logs.own();
    logs.redis.line.refuse();
    const logger = new KeepingLogger();
    const log = await logs.openUnreached({ logger });
    const follower = following(log, 'a');
    await expect(log.claim('a', 'one')).rejects.toThrow(/cannot be reached/);
    logs.redis.line.pass();
    const { epoch } = await eventually('the claim', () => log.claim('a', 'one'));
    await log.append('a', epoch, 0, lines('1'));
    await eventually('the event', () => follower.seen.length === 1);
    await follower.end();
    const about = (purpose: string) => logger.lines.filter((line) => line.includes(purpose));
    expect(about('cannot be reached')).toHaveLength(2);
    expect(about('reached again')).toHaveLength(2);
  });

  it('reports acknowledged writes that Redis lost, and writes nothing more', async () => {
    await logs.own();
    const log = await logs.open({ prefix: 'lossy' });
    const { epoch } = await log.claim('a', 'one');
    for (const last of range(0, 4)) await log.append('a', epoch, last, lines(`${last + 1}`));
    await logs.redis.kill();
    logs.redis.keepTransactions(-1);
    await logs.redis.restart();
    await eventually('Redis', () => log.head('a'));
    expect((await log.head('a')).lastSeq).toBe(4);
    const loss = /ends at 4, but 5 events were in it before: Redis at .* lost acknowledged writes/;
    await expect(log.append('a', epoch, 5, lines('6'))).rejects.toThrow(LogDamagedError);
    await expect(log.append('a', epoch, 4, lines('other'))).rejects.toThrow(loss);
    await expect(log.claim('a', 'one')).rejects.toThrow(loss);
    expect(await logs.redis.admin.llen('lossy:{a}:events')).toBe(4);
    // Whoever saw nothing of it goes by the mirror in the status.
    expect((await (await logs.open({ prefix: 'lossy' })).claim('a', 'one', { epoch: 9 })).lastSeq).toBe(4);
  });

  it('ends a subscription that has read what Redis lost with the news of it', async () => {
    await logs.own();
    const log = await logs.open();
    const { epoch } = await log.claim('a', 'one');
    await log.append('a', epoch, 0, lines('1'));
    await log.append('a', epoch, 1, lines('2'));
    const follower = following(log, 'a');
    await eventually('the events', () => follower.seen.length === 2);
    await logs.redis.kill();
    logs.redis.keepTransactions(-1);
    await logs.redis.restart();
    await expect(follower.done).rejects.toThrow(/ends at 1, but event 2 was read/);
  });

  it('refuses a session of which somebody removed a key', async () => {
    for (const key of ['events', 'claim']) {
      const prefix = `t-${randomUUID()}`;
      const log = await logs.open({ prefix });
      const { epoch } = await log.claim('a', 'one');
      await log.append('a', epoch, 0, lines('1', '2'));
      await logs.redis.admin.del(`${prefix}:{a}:${key}`);
      await expect(log.claim('a', 'one')).rejects.toThrow(/somebody removed keys/);
    }
  });

  it('is damaged where its key holds something else, and leaves that as it is', async () => {
    await logs.redis.admin.set('wrong:{a}:claim', 'a text');
    await logs.redis.admin.set('wrong:{b}:events', 'a text');
    const log = await logs.open({ prefix: 'wrong' });
    for (const uid of ['a', 'b']) {
      await expect(log.claim(uid, 'one')).rejects.toThrow(LogDamagedError);
      await expect(log.claim(uid, 'one')).rejects.toThrow(/holds something else/);
      await expect(log.read(uid, 0)).rejects.toThrow(LogDamagedError);
    }
    expect(await logs.redis.admin.get('wrong:{a}:claim')).toBe('a text');
    expect(await logs.redis.admin.exists('wrong:{b}:claim')).toBe(0);
  });

  it('names an event that cannot be read', async () => {
    const log = await logs.open({ prefix: 'unreadable' });
    const { epoch } = await log.claim('a', 'one');
    await log.append('a', epoch, 0, lines('1', '2'));
    await logs.redis.admin.lset('unreadable:{a}:events', 1, '{"seq":2');
    await expect(log.read('a', 0)).rejects.toThrow(/event 2 in the log is unreadable/);
  });

  it('is unavailable while Redis has no memory left, keeps what it has, and goes on when there is some', async () => {
    await logs.own();
    const log = await logs.open();
    const { epoch } = await log.claim('a', 'one');
    await log.append('a', epoch, 0, lines('1'));
    await logs.redis.admin.config('SET', 'maxmemory', '1');
    const refused = log.append('a', epoch, 1, lines('2'));
    await expect(refused).rejects.toThrow(LogUnavailableError);
    await expect(refused).rejects.toThrow(/reached its maxmemory/);
    expect(await log.head('a')).toEqual({ epoch, lastSeq: 1 });
    await logs.redis.admin.config('SET', 'maxmemory', '0');
    await log.append('a', epoch, 1, lines('2'));
    expect((await log.read('a', 0)).map(textOf)).toEqual(['1', '2']);
  });

  it('is unavailable on a replica, and looks for the primary anew', async () => {
    await logs.own();
    const log = await logs.open();
    const { epoch } = await log.claim('a', 'one');
    await logs.redis.admin.replicaof('127.0.0.1', '1');
    const refused = log.append('a', epoch, 0, lines('1'));
    await expect(refused).rejects.toThrow(LogUnavailableError);
    await expect(refused).rejects.toThrow(/read-only replica/);
    await logs.redis.admin.replicaof('NO', 'ONE');
    await eventually('the append', () => log.append('a', epoch, 0, lines('1')));
  });

  it('is unavailable while Redis loads its data, and goes on by itself', async () => {
    await logs.own();
    const log = await logs.open();
    const { epoch } = await log.claim('a', 'one');
    await log.append('a', epoch, 0, lines('1'));
    // As a base file that takes half a minute to load, unless it is told to hurry.
    await logs.redis.admin.mset(Object.fromEntries(range(1, 500).map((index) => [`filler-${index}`, 'x'.repeat(2_000)])));
    await logs.redis.admin.bgrewriteaof();
    await eventually(
      'the base file',
      async () => Number(/aof_base_size:(\d+)/.exec(await logs.redis.admin.info('persistence'))?.[1]) > 10_000,
    );
    const slow = { 'key-load-delay': '60000', 'loading-process-events-interval-bytes': '1024' };
    const loading = logs.redis.restart(slow);
    await eventually('the refusal', async () => /still loading/.test(await refusal(log.append('a', epoch, 1, lines('2')))));
    await logs.redis.admin.config('SET', 'key-load-delay', '0');
    await loading;
    await eventually('the append', () => log.append('a', epoch, 1, lines('2')));
    expect((await log.read('a', 0)).map(textOf)).toEqual(['1', '2']);
  });

  it('says that a password is missing or wrong, works with the right one, and never shows it', async () => {
    const password = 'p@ss/w#rd?%';
    await logs.own({ requirepass: password });
    const logger = new KeepingLogger();
    const at = (credentials: string) => logs.openUnreached({ address: redisAddress(logs.redis.url({ credentials })), logger });
    const said = [await refused(await at(''), /asks for a password; put it into REDIS_URL/)];
    for (const credentials of [':wrong-password', 'nobody:wrong-password']) {
      said.push(await refused(await at(credentials), /refuses the user name or password of REDIS_URL/));
    }
    const log = await at(`:${encodeURIComponent(password)}`);
    await eventually('the claim', () => log.claim('a', 'one'));
    await logs.redis.restart({ requirepass: 'another-password' });
    said.push(await refused(log, /refuses the user name or password of REDIS_URL/));
    for (const text of [...said, ...logger.lines]) {
      for (const secret of [password, encodeURIComponent(password), 'wrong-password']) expect(text).not.toContain(secret);
    }
  });

  it('needs of a user no more rights than the settings document, and says what is missing', async () => {
    await logs.own();
    const documented = /`(ACL SETUSER [^`]*)`/.exec(readFileSync(join(root, 'docs/settings.md'), 'utf8'))?.[1] ?? '';
    const rules = documented
      .split(' ')
      .slice(3)
      .map((rule) => rule.replace('<password>', 'secret-of-agent'));
    await logs.redis.admin.acl('SETUSER', 'agent', ...rules);
    const address = redisAddress(logs.redis.url({ credentials: 'agent:secret-of-agent', database: 2 }));
    const log = await logs.open({ address, prefix: 'swe-agent' });
    const follower = following(log, 'a');
    const claim = await log.claim('a', 'one');
    await log.append('a', claim.epoch, 0, lines('1'));
    await log.renew(claim);
    await eventually('the event', () => follower.seen.length === 1);
    expect(await log.sessions()).toEqual(['a']);
    expect(log.findings).toEqual([]);
    await log.release(claim);
    await log.delete('a');
    await follower.done;
    const foreign = await logs.openUnreached({ address, prefix: 'other' });
    await refused(foreign, /NOPERM|permission/i);
    await logs.redis.admin.acl('SETUSER', 'agent', '-rpush');
    const again = await log.claim('a', 'one');
    expect(await refusal(log.append('a', again.epoch, 0, lines('1')))).toMatch(/permission|NOPERM|run this command/i);
    expect(await log.head('a')).toEqual({ epoch: again.epoch, lastSeq: 0 });
  });

  it.each<[string, RedisConfig, RegExp[]]>([
    ['no append-only file', { appendonly: 'no' }, [/writes no append-only file.*set appendonly yes and appendfsync always/]],
    ['an fsync each second', { appendfsync: 'everysec' }, [/appendfsync is everysec/]],
    [
      'no fsync, and eviction',
      { appendfsync: 'no', 'maxmemory-policy': 'volatile-lru' },
      [/appendfsync is no,/, /is volatile-lru/],
    ],
    ['a secret configuration', { 'rename-command': 'CONFIG hidden' }, [/does not tell whether events are on disk/]],
    [
      'a secret configuration, no append-only file and eviction',
      { 'rename-command': 'CONFIG hidden', appendonly: 'no', 'maxmemory-policy': 'volatile-ttl' },
      [/writes no append-only file/, /is volatile-ttl/],
    ],
  ])('says what puts events at risk: %s', async (_, config, expected) => {
    await logs.own(config);
    const logger = new KeepingLogger();
    const log = await logs.open({ logger });
    await eventually('the findings', () => log.findings.length > 0);
    expect(log.findings).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
    const warned = logger.lines.filter((line) => line.includes('is at risk'));
    expect(warned).toEqual(log.findings.map((finding) => expect.stringContaining(finding)));
  });

  it('looks for risks again with each connection, says each once, and nothing of a Redis that is as it should be', async () => {
    await logs.own();
    const logger = new KeepingLogger();
    const log = await logs.open({ logger });
    await eventually('Redis', () => log.head('a'));
    for (const [policy, sync] of [
      ['allkeys-lru', 'always'],
      ['allkeys-lru', 'everysec'],
    ] as const) {
      await logs.redis.admin.config('SET', 'maxmemory-policy', policy);
      await logs.redis.admin.config('SET', 'appendfsync', sync);
      logs.redis.line.cut();
      await eventually('the findings', () => log.findings.length === (sync === 'always' ? 1 : 2));
    }
    const warned = logger.lines.filter((line) => line.includes('is at risk'));
    expect(warned).toEqual([expect.stringContaining('allkeys-lru'), expect.stringContaining('everysec')]);
  });
});

/** Waits until the log fails with such words, and returns them. */
function refused(log: EventLog, words: RegExp): Promise<string> {
  const check = async () => {
    const text = await refusal(log.head('a'));
    return words.test(text) ? text : undefined;
  };
  return eventually(String(words), check);
}
