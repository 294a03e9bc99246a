/**
 * What happens in Redis in one step. Each script checks before it writes, so that a refusal changes nothing; and it announces
 * before it writes, so that a user who may not announce stores nothing either. Whoever hears of it asks after the script.
 *
 * KEYS of the log's: claim, events. The first element of an answer is a word for what became of it.
 */

/** What they begin with. `last` is written with the events: where the two differ, somebody else removed one of the keys. */
const READ_CLAIM = `
local record = redis.call('HMGET', KEYS[1], 'epoch', 'holder', 'expires', 'last')
local epoch, holder = tonumber(record[1] or 0), record[2] or ''
local expires, last = tonumber(record[3] or 0), tonumber(record[4] or 0)
local length = redis.call('LLEN', KEYS[2])
`;

/** The clock of Redis is the only one that counts for claims; `fixed` takes its place where time is held. */
const READ_CLOCK = `
local function clock(fixed)
  if fixed ~= '' then return tonumber(fixed) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function whole(number) return string.format('%.0f', number) end
`;

/** ARGV: holder, floor, ttl, seen, fixed time. → claimed epoch last | held holder left | lost last | torn last length */
export const CLAIM = `${READ_CLAIM}${READ_CLOCK}
if last ~= length then return {'torn', last, length} end
if length < tonumber(ARGV[4]) then return {'lost', length} end
local now = clock(ARGV[5])
if holder ~= '' and holder ~= ARGV[1] and expires > now then return {'held', holder, expires - now} end
epoch = math.max(epoch, tonumber(ARGV[2])) + 1
redis.call('HSET', KEYS[1], 'epoch', whole(epoch), 'holder', ARGV[1], 'expires', whole(now + ARGV[3]), 'last', whole(last))
return {'claimed', epoch, length}`;

/** ARGV: epoch, ttl, fixed time. → renewed | fenced epoch holder */
export const RENEW = `${READ_CLAIM}${READ_CLOCK}
if epoch ~= tonumber(ARGV[1]) or holder == '' then return {'fenced', epoch, holder} end
redis.call('HSET', KEYS[1], 'expires', whole(clock(ARGV[3]) + ARGV[2]))
return {'renewed'}`;

/** ARGV: fixed time. → free | held holder left */
export const HOLDER = `${READ_CLAIM}${READ_CLOCK}
local left = expires - clock(ARGV[1])
if holder == '' or left <= 0 then return {'free'} end
return {'held', holder, left}`;

/** ARGV: epoch, channel. → released | fenced */
export const RELEASE = `${READ_CLAIM}
if epoch ~= tonumber(ARGV[1]) or holder == '' then return {'fenced', epoch, holder} end
redis.call('PUBLISH', ARGV[2], '0')
redis.call('HSET', KEYS[1], 'holder', '', 'expires', '0')
return {'released'}`;

/**
 * ARGV: epoch, expected, seen, channel, event … → stored | fenced epoch holder | sequence length | lost length | torn last length
 * Events that are there already are those of this append, whose answer was lost: the rest is added. Nobody else can have
 * written them, since the epoch is the writer's own.
 */
export const APPEND = `${READ_CLAIM}
if epoch ~= tonumber(ARGV[1]) or holder == '' then return {'fenced', epoch, holder} end
if last ~= length then return {'torn', last, length} end
if length < tonumber(ARGV[3]) then return {'lost', length} end
local first, expected = 5, tonumber(ARGV[2])
local count, there = #ARGV - first + 1, length - expected
if there < 0 or there > count then return {'sequence', length} end
if there > 0 then
  for i, stored in ipairs(redis.call('LRANGE', KEYS[2], expected, -1)) do
    if stored ~= ARGV[first + i - 1] then return {'sequence', length} end
  end
end
if there == count then return {'stored'} end
redis.call('PUBLISH', ARGV[4], expected + count)
for from = first + there, #ARGV, 1000 do
  redis.call('RPUSH', KEYS[2], unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
redis.call('HSET', KEYS[1], 'last', string.format('%.0f', expected + count))
return {'stored'}`;

/** ARGV: after, limit. → page epoch length events */
export const READ = `${READ_CLAIM}
local page = {}
if tonumber(ARGV[2]) > 0 then page = redis.call('LRANGE', KEYS[2], ARGV[1], ARGV[1] + ARGV[2] - 1) end
return {'page', epoch, length, page}`;

/** ARGV: channel. → deleted */
export const DELETE = `
redis.call('PUBLISH', ARGV[1], 0)
redis.call('UNLINK', KEYS[1], KEYS[2])
return {'deleted'}`;

/** KEYS: blobs. ARGV: name, bytes, limit of all. → stored | full total. A blob that is there is written again: it may be damaged. */
export const PUT_BLOB = `
local before = redis.call('HSTRLEN', KEYS[1], ARGV[1])
local others = tonumber(redis.call('HGET', KEYS[1], 'bytes') or 0) - before
if others + #ARGV[2] > tonumber(ARGV[3]) then return {'full', others} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], 'bytes', string.format('%.0f', others + #ARGV[2]))
return {'stored'}`;

/** A script's answer. @throws TypeError when it is none */
export function answerOf(reply: unknown): { word: string; rest: unknown[] } {
  const [word, ...rest] = Array.isArray(reply) ? reply : [];
  if (typeof word !== 'string') throw new TypeError('a script answered without a word');
  return { word, rest };
}

/** @throws TypeError */
export function numberAt(rest: readonly unknown[], index: number): number {
  const value = rest[index];
  if (typeof value !== 'number') throw new TypeError(`a script answered ${typeof value} where a number belongs`);
  return value;
}

/** @throws TypeError */
export function textsAt(rest: readonly unknown[], index: number): string[] {
  const value = rest[index];
  if (!Array.isArray(value)) throw new TypeError(`a script answered ${typeof value} where texts belong`);
  return value.map(String);
}
