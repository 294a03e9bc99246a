/** How an object is named in caches and queues: `namespace/name`, or `/name` where a kind has no namespaces. */
import type { KubeObject } from '../api/resources.ts';

export function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

/** @throws when the text is no key */
export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  if (slash < 0) throw new Error(`"${key}" is not a key of the form namespace/name`);
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
