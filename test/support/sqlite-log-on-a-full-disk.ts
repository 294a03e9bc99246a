/**
 * Fills the small file system argv[2] with events until an append fails, then makes space, and prints as JSON what
 * happened.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SqliteEventLog } from '../../operator/engine/sqlite-log.ts';

const folder = process.argv[2] ?? '';
const filler = join(folder, 'filler');
writeFileSync(filler, Buffer.alloc(1_000_000));
const log = new SqliteEventLog({ path: join(folder, 'events.db') });
const { epoch } = await log.claim('a', 'one');
const event = { time: '2030-01-02T03:04:05.678Z', type: 'log.line' as const, level: 'info' as const, text: 'x'.repeat(8_000) };

let last = 0;
let failure: unknown;
while (!failure && last < 10_000) {
  try {
    await log.append('a', epoch, last, [event]);
    last++;
  } catch (error) {
    failure = error;
  }
}
const stored = (await log.read('a', 0)).length;
rmSync(filler);
await log.append('a', epoch, last, [event]);
const { lastSeq } = await log.head('a');
const name = failure instanceof Error ? failure.name : String(failure);
process.stdout.write(JSON.stringify({ acknowledgedBeforeFull: last, failure: name, stored, afterSpaceWasMade: lastSeq }));
await log.close();
