/** Writes an object's status: once, only when it changed, and only over the version that the decision was made on. */
import type { KubeObject, Resource } from '../api/resources.ts';
import { type KubeClient, KubeError } from './client.ts';
import { mergePatchOf } from './merge-patch.ts';

export type StatusWrite<T> = {
  /** unchanged: nothing was written; conflict: somebody wrote in between, look at the newest object and decide again; gone: the object is no more. */
  outcome: 'unchanged' | 'written' | 'conflict' | 'gone';
  /** The object as it is after the write; the one that was given when nothing was written. */
  object: T;
};

/**
 * Makes `status` the object's status with a merge patch under the object's resourceVersion.
 * @throws KubeError for any other refusal, KubeUnreachableError when there was no answer
 */
export async function patchStatus<T extends KubeObject & { status?: object }>(
  client: KubeClient,
  resource: Resource,
  object: T,
  status: NonNullable<T['status']>,
  signal?: AbortSignal,
): Promise<StatusWrite<T>> {
  const change = mergePatchOf(object.status ?? {}, status);
  if (change === undefined) return { outcome: 'unchanged', object };
  const { namespace, name, resourceVersion } = object.metadata;
  const patch = { metadata: { resourceVersion }, status: change };
  try {
    return { outcome: 'written', object: await client.mergePatch<T>(resource, namespace, name, patch, 'status', signal) };
  } catch (error) {
    if (error instanceof KubeError && error.code === 409) return { outcome: 'conflict', object };
    if (error instanceof KubeError && error.code === 404) return { outcome: 'gone', object };
    throw error;
  }
}
