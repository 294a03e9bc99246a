/** What an error reply of Redis means for us, in words for people. https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors */

/** unavailable: the same may succeed later. damaged: what is stored is not what was stored by us; nothing was changed. */
export type RedisFailure = { kind: 'unavailable' | 'damaged'; text: string };

/** The first that is found in a reply decides. Errors of commands within a script come with other words around the code. */
const KNOWN: readonly [pattern: RegExp, failure: RedisFailure][] = [
  [/\bWRONGTYPE\b/, { kind: 'damaged', text: 'a key of ours holds something else; look who else writes to this Redis' }],
  [/\bOOM\b/, unavailable('it has reached its maxmemory; give it more memory, or delete sessions')],
  [/\bREADONLY\b/, unavailable('it is a read-only replica; REDIS_URL must lead to the primary')],
  [/\bLOADING\b/, unavailable('it is still loading its data')],
  [/\bNOAUTH\b/, unavailable('it asks for a password; put it into REDIS_URL')],
  [/\bWRONGPASS\b|invalid (username-)?password/, unavailable('it refuses the user name or password of REDIS_URL')],
  [/\bMISCONF\b/, unavailable('it cannot write to its disk')],
  [
    /\b(MOVED|ASK|CROSSSLOT|CLUSTERDOWN)\b/,
    unavailable('it is a node of a Redis cluster; REDIS_URL must lead to a single primary'),
  ],
  [/\bMASTERDOWN\b/, unavailable('it is a replica that has lost its primary')],
  [/\bBUSY\b/, unavailable('a script of somebody keeps it busy')],
];

/** An error that the server answered with; the client's own mean that there is no answer. */
export function isReply(error: unknown): error is { message: string } {
  if (typeof error !== 'object' || error === null || !('name' in error) || !('message' in error)) return false;
  return error.name === 'ReplyError' && typeof error.message === 'string';
}

export function failureOf(reply: string): RedisFailure {
  const known = KNOWN.find(([pattern]) => pattern.test(reply));
  // Above all NOPERM, which names the command or key that the user may not have.
  return known?.[1] ?? unavailable(`it answers «${reply.slice(0, 300)}»`);
}

function unavailable(text: string): RedisFailure {
  return { kind: 'unavailable', text };
}
