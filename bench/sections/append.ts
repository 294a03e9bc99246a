/** Appending to the event log: what durability costs, alone and when many sessions share a commit. */
import { join } from 'node:path';
import type { NewEvent } from '../../operator/engine/events.ts';
import { SqliteEventLog } from '../../operator/engine/sqlite-log.ts';
import { now } from '../clock.ts';
import { type Report, type SectionOptions, workFolder } from '../section.ts';
import { summary } from '../statistics.ts';
import { ms, ratio, table } from '../table.ts';

const SESSIONS = 50;
const TEXT = 'x'.repeat(400);

export async function append({ quick, progress }: SectionOptions): Promise<Report> {
  const count = quick ? 50 : 400;
  await using folder = await workFolder();
  const rows: string[][] = [];
  const singles: Record<string, number> = {};
  for (const fsync of [true, false]) {
    progress(`append: fsync ${fsync}`);
    const log = new SqliteEventLog({ path: join(folder.path, `events-${fsync}.db`), fsync, exclusive: true });
    try {
      const alone = summary(await appends(log, count));
      const together = await shared(log, quick ? 10 : 100);
      singles[String(fsync)] = alone.p50;
      rows.push([
        fsync ? 'with fsync' : 'without fsync',
        ms(alone.p50),
        ms(alone.p95),
        ms(summary(together).p50),
        ms(summary(together).p95),
      ]);
    } finally {
      await log.close();
    }
  }
  const cost = ratio(singles.true ?? Number.NaN, singles.false ?? Number.NaN);
  return {
    title: 'Appending two events to the log',
    lines: [
      table(['', 'alone p50 ms', 'alone p95 ms', `${SESSIONS} at once p50 ms`, `${SESSIONS} at once p95 ms`], rows),
      `  With fsync an append takes ${cost} as long. "At once": ${SESSIONS} sessions append in the same turn, until the last is on disk.`,
    ],
  };
}

async function appends(log: SqliteEventLog, count: number): Promise<number[]> {
  const { epoch } = await log.claim('alone', 'bench');
  const samples: number[] = [];
  for (let index = 0; index < count; index++) {
    const began = now();
    await log.append('alone', epoch, index * 2, events());
    samples.push(now() - began);
  }
  return samples;
}

async function shared(log: SqliteEventLog, count: number): Promise<number[]> {
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
