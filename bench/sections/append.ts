/** Appending to the event log: what durability costs, alone and when many sessions share a commit. */
import { join } from 'node:path';
import type { NewEvent } from '../../operator/engine/events.ts';
import type { EventLog } from '../../operator/engine/log.ts';
import { SqliteEventLog } from '../../operator/engine/sqlite-log.ts';
import { describeError } from '../../operator/logger.ts';
import { redisLog } from '../../test/support/redis-logs.ts';
import { plainRedis } from '../../test/support/redis-server.ts';
import { now } from '../clock.ts';
import { type Report, type SectionOptions, workFolder } from '../section.ts';
import { type Summary, summary } from '../statistics.ts';
import { ms, ratio, table } from '../table.ts';

const SESSIONS = 50;
const TEXT = 'x'.repeat(400);

export async function append({ quick, progress }: SectionOptions): Promise<Report> {
  const rounds = quick ? { alone: 50, together: 10 } : { alone: 400, together: 100 };
  await using folder = await workFolder();
  const sqlite = async (fsync: boolean) => {
    progress(`append: fsync ${fsync}`);
    const path = join(folder.path, `events-${fsync}.db`);
    return measured(new SqliteEventLog({ path, fsync, exclusive: true }), rounds);
  };
  const [durable, volatile, redis] = [await sqlite(true), await sqlite(false), await inRedis(rounds, progress)];
  const row = (name: string, { alone, together }: Times) => [
    name,
    ms(alone.p50),
    ms(alone.p95),
    ms(together.p50),
    ms(together.p95),
  ];
  const rows = [row('with fsync', durable), row('without fsync', volatile)];
  return {
    title: 'Appending two events to the log',
    lines: [
      table(
        ['', 'alone p50 ms', 'alone p95 ms', `${SESSIONS} at once p50 ms`, `${SESSIONS} at once p95 ms`],
        'alone' in redis ? [...rows, row('Redis, appendfsync always', redis)] : rows,
      ),
      `  With fsync an append takes ${ratio(durable.alone.p50, volatile.alone.p50)} as long. "At once": ${SESSIONS} sessions append in the same turn, until the last is on disk.`,
      'alone' in redis
        ? '  Redis runs on the same machine: a network comes on top.'
        : `  Redis was not measured: ${redis.unmeasured}.`,
    ],
  };
}

type Rounds = { alone: number; together: number };
type Times = { alone: Summary; together: Summary };

async function inRedis(rounds: Rounds, progress: (text: string) => void): Promise<Times | { unmeasured: string }> {
  progress('append: Redis');
  const made = await plainRedis().catch(describeError);
  if (typeof made === 'string') return { unmeasured: made };
  await using server = made;
  return await measured(await redisLog({ url: server.url, prefix: 'bench' }), rounds);
}

/** Closes the log as well. */
async function measured(log: EventLog, { alone, together }: Rounds): Promise<Times> {
  try {
    return { alone: summary(await appends(log, alone)), together: summary(await shared(log, together)) };
  } finally {
    await log.close();
  }
}

async function appends(log: EventLog, count: number): Promise<number[]> {
  const { epoch } = await log.claim('alone', 'bench');
  const samples: number[] = [];
  for (let index = 0; index < count; index++) {
    const began = now();
    await log.append('alone', epoch, index * 2, events());
    samples.push(now() - began);
  }
  return samples;
}

async function shared(log: EventLog, count: number): Promise<number[]> {
  const claims = await Promise.all(Array.from({ length: SESSIONS }, (_, index) => log.claim(`session-${index}`, 'bench')));
  const samples: number[] = [];
  for (let index = 0; index < count; index++) {
    const began = now();
    await Promise.all(claims.map(({ uid, epoch }) => log.append(uid, epoch, index * 2, events())));
    samples.push(now() - began);
  }
  return samples;
}

function events(): NewEvent[] {
  const time = new Date().toISOString();
  const line: NewEvent = { time, type: 'log.line', level: 'info', text: TEXT };
  return [line, line];
}
