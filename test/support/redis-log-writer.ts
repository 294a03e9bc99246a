/** Claims the session argv[3] in the Redis argv[2] under the prefix argv[4], appends without end and prints each acknowledged sequence. */
import { writeSync } from 'node:fs';
import { redisLog } from './redis-logs.ts';

const [, , url = '', uid = '', prefix = ''] = process.argv;
const log = await redisLog({ url, prefix });
const { epoch } = await log.claim(uid, `writer-${process.pid}`);
for (let last = 0; ; ) {
  const size = 1 + (last % 3);
  const events = Array.from({ length: size }, () => ({
    time: new Date().toISOString(),
    type: 'log.line' as const,
    level: 'info' as const,
    text: 'x'.repeat(500),
  }));
  await log.append(uid, epoch, last, events);
  for (let seq = last + 1; seq <= last + size; seq++) writeSync(1, `${seq}\n`);
  last += size;
}
