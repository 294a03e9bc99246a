/** Who sent a request, as far as the routes need to know it. */
import { type KubeClient, KubeError } from '../../operator/kube/client.ts';
import { Problem } from './problem.ts';

/** Something that a caller may be allowed to read although it is no object of the API. */
export type Ask =
  /** What only the event log and the blobs know of a session: its log, events, diff, bundle and large texts. */
  | { session: string }
  /** A path of this server. */
  | { path: string }
  /** Objects of the namespace. */
  | { right: Right };

/** What RBAC gives rights to, in the namespace of the sessions. */
export type Right = {
  verb: 'create' | 'update' | 'patch' | 'delete' | 'get' | 'list' | 'watch';
  resource: 'agentsessions' | 'aiprofiles' | 'secrets';
  subresource?: 'log';
};

export interface Caller {
  /** Who asks for the work. */
  readonly author: string;
  /** The same for requests that may see and do the same; tells nothing about a token. */
  readonly rights: string;
  /** The Kubernetes API with the caller's rights, where callers have rights of their own. */
  readonly kube: KubeClient;
  /** @throws Problem 403 when the caller may not read it */
  demand(ask: Ask, signal: AbortSignal): Promise<void>;
  /** Whether the caller has the right. What is then done is judged again, by the API server. */
  may(right: Right, signal: AbortSignal): Promise<boolean>;
}

/** How often it is asked again whether a stream that goes on may go on, in milliseconds. */
const RENEW_MS = 60_000;

/** Aborts when the caller loses the right to what a stream shows, or `parent` aborts. Disposing ends the asking. */
export function lease(
  caller: Caller,
  ask: Ask,
  parent: AbortSignal,
  everyMs: number = RENEW_MS,
): Disposable & { signal: AbortSignal } {
  const lost = new AbortController();
  const renew = (): void => {
    const signal = AbortSignal.any([parent, AbortSignal.timeout(everyMs)]);
    caller.demand(ask, signal).catch((error: unknown) => {
      // That it cannot be asked takes nothing away: the API server may be away for a while.
      if (!isRefusal(error)) return;
      clearInterval(timer);
      lost.abort(error);
    });
  };
  const timer = setInterval(renew, everyMs);
  return {
    signal: AbortSignal.any([parent, lost.signal]),
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function isRefusal(error: unknown): boolean {
  const code = error instanceof KubeError ? error.code : error instanceof Problem ? error.status : 0;
  return code === 401 || code === 403;
}
