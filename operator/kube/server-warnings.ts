/**
 * What an API server warns of (https://kubernetes.io/docs/reference/using-api/api-concepts/ and RFC 7234, 5.5), in the log
 * of the process: fields that it does not know and drops, above all, which is how definitions show that are older than us.
 */
import type { Logger } from '../logger.ts';
import type { RequestSeen } from './http-transport.ts';

/** Different ones that are told; a server's words may have a name in them. */
const MOST = 100;
const OLDER = /unknown field/;
const ADVICE = 'the definitions of AgentSession and AIProfile are older than this process: apply those of its version (crds/)';

/** Tells each warning once. Give the result to a client as `onRequest`. */
export function serverWarnings(logger: Logger): (seen: Pick<RequestSeen, 'warning'>) => void {
  const told = new Set<string>();
  return ({ warning }) => {
    for (const text of warning === undefined ? [] : warningsIn(warning)) {
      if (told.has(text) || told.size >= MOST) continue;
      told.add(text);
      logger.warn('the API server warns', { detail: text, ...(OLDER.test(text) && { advice: ADVICE }) });
    }
  };
}

/** The texts of a Warning header: `299 - "first", 299 - "second"`. */
export function warningsIn(header: string): string[] {
  return [...header.matchAll(/\b299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text.replace(/\\(.)/g, '$1'));
}
