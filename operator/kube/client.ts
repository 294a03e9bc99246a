/**
 * The Kubernetes API as the operator and the gateway use it. One typed client over a small HTTP transport, so that the
 * embedded API, a cluster, and a caller's own bearer token differ only in the transport they are given.
 */
import type { KubeObject, Resource } from '../api/resources.ts';

/** What the API server said no with (metav1.Status). */
export class KubeError extends Error {
  /** HTTP status code. */
  readonly code: number;
  /** metav1.StatusReason: NotFound, AlreadyExists, Conflict, Invalid, Forbidden, Expired, … */
  readonly reason: string;
  /** `details.causes`: field, reason and message of each problem of an invalid object. */
  readonly causes: readonly { field?: string; reason?: string; message?: string }[];
  /** Seconds after which to try again, when the server said so. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: number,
    reason: string,
    message: string,
    causes: readonly { field?: string; reason?: string; message?: string }[] = [],
    retryAfterSeconds?: number,
  ) {
    super(message);
    this.name = 'KubeError';
    this.code = code;
    this.reason = reason;
    this.causes = causes;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export type ListOptions = {
  /** All namespaces when empty. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
};

export type KubeList<T> = { items: T[]; resourceVersion: string; continue?: string };

export type WatchEvent<T> = { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T } | { type: 'BOOKMARK'; resourceVersion: string };

export type WatchOptions = Omit<ListOptions, 'limit' | 'continue'> & {
  /** Changes after this one are wanted. */
  resourceVersion: string;
  /** Called when the server accepted the watch, which it may do long before the first event. */
  onOpen?: () => void;
};

export type DeleteOptions = {
  preconditions?: { uid?: string; resourceVersion?: string };
  propagationPolicy?: string;
  /** How long a Pod's processes have to end, in seconds; 0 takes the object away without waiting for them. */
  gracePeriodSeconds?: number;
};

/** Every method throws KubeError for an answer that is no success, and the transport's error when there was no answer. */
export interface KubeClient {
  get<T extends KubeObject>(resource: Resource, namespace: string | undefined, name: string, signal?: AbortSignal): Promise<T>;
  list<T extends KubeObject>(resource: Resource, options?: ListOptions, signal?: AbortSignal): Promise<KubeList<T>>;
  create<T extends KubeObject>(resource: Resource, object: T, signal?: AbortSignal): Promise<T>;
  /** Replaces the object; fails with Conflict when metadata.resourceVersion is not the current one. */
  replace<T extends KubeObject>(resource: Resource, object: T, subresource?: 'status', signal?: AbortSignal): Promise<T>;
  /** JSON merge patch (RFC 7386). */
  mergePatch<T extends KubeObject>(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    patch: unknown,
    subresource?: 'status',
    signal?: AbortSignal,
  ): Promise<T>;
  /** JSON patch (RFC 6902); a failing `test` operation is an Invalid error. */
  jsonPatch<T extends KubeObject>(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    patch: readonly { op: string; path: string; value?: unknown }[],
    subresource?: 'status',
    signal?: AbortSignal,
  ): Promise<T>;
  delete(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    options?: DeleteOptions,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Changes after a resource version, bookmarks included, until the server ends the stream. An expired version is a KubeError with code 410. */
  watch<T extends KubeObject>(resource: Resource, options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent<T>>;
}
