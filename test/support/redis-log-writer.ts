/** Claims the session argv[3] in the Redis argv[2] under the prefix argv[4], appends without end and prints each acknowledged sequence. */
import { writeSync } from 'node:fs';
import { redisAddress } from '../../operator/engine/redis/address.ts';
import { RedisEventLog } from '../../operator/engine/redis-log.ts';
import { eventually } from './eventually.ts';
import { KeepingLogger } from './keeping-logger.ts';

const [, , url = '', uid = '', prefix = ''] = process.argv;
const log = await RedisEventLog.open({ address: redisAddress(url), prefix, logger: new KeepingLogger() });
await eventually('Redis', () => log.head(uid));
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
