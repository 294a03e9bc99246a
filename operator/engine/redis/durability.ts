/**
 * Whether a Redis keeps what it was given: on disk before it answers, and never thrown away for want of memory. Where the
 * user may not ask for the configuration, as with many hosted ones, INFO says a part of it.
 */
import type { Redis } from 'ioredis';
import { isReply } from './failure.ts';

/** What a person should know about this Redis; nothing when it is set up as it should be. @throws when there is no answer */
export async function durabilityFindings(redis: Redis): Promise<string[]> {
  const info = fieldsOf((await unlessRefused(redis.info())) ?? '');
  const configured = async (name: string): Promise<string | undefined> => {
    const reply = await unlessRefused(redis.config('GET', name));
    return Array.isArray(reply) && typeof reply[1] === 'string' ? reply[1] : undefined;
  };
  const appendOnly = (await configured('appendonly')) ?? { '1': 'yes', '0': 'no' }[info.get('aof_enabled') ?? ''];
  const sync = await configured('appendfsync');
  const policy = (await configured('maxmemory-policy')) ?? info.get('maxmemory_policy');
  const findings: string[] = [];
  if (appendOnly === 'no') {
    findings.push(
      'it writes no append-only file, so that events are lost when it ends; set appendonly yes and appendfsync always',
    );
  } else if (sync !== undefined && sync !== 'always') {
    findings.push(
      `appendfsync is ${sync}, so that the last events may be lost when it or its machine ends; set appendfsync always`,
    );
  } else if (appendOnly === undefined || sync === undefined) {
    findings.push(
      'it does not tell whether events are on disk when it answers; make sure of appendonly yes and appendfsync always',
    );
  }
  if (policy !== undefined && policy !== 'noeviction') {
    findings.push(`maxmemory-policy is ${policy}, so that it may throw events away; set maxmemory-policy noeviction`);
  }
  return findings;
}

/** The lines `name:value` of INFO. */
function fieldsOf(info: string): Map<string, string> {
  return new Map(
    info.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)] as const] : [];
    }),
  );
}

/** An answer, or undefined when the server does not tell. */
async function unlessRefused<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isReply(error)) return undefined;
    throw error;
  }
}
