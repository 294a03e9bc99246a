/**
 * One trace id for a session, at every door: that of the request which asked for it, where the request brought one, else one
 * that follows from the object's UID. Nothing has to be written for it, and any operator finds the same.
 */
import { GROUP, type ObjectMeta } from './api/resources.ts';

/** On a session: the traceparent of the request that made it, as W3C Trace Context has it. */
export const TRACE_ANNOTATION = `${GROUP}/traceparent`;

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The trace id of a traceparent, 32 hexadecimal digits; undefined for what is none. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return TRACEPARENT.exec(traceparent ?? '')?.[1];
}

/** The trace id of an object; undefined when it has no UID that one could follow from. */
export function traceOf({ uid, annotations }: Pick<ObjectMeta, 'uid' | 'annotations'>): string | undefined {
  const own = traceIdOf(annotations?.[TRACE_ANNOTATION]);
  if (own !== undefined) return own;
  const hex = uid?.replaceAll('-', '').toLowerCase();
  return hex !== undefined && /^[0-9a-f]{32}$/.test(hex) ? hex : undefined;
}
