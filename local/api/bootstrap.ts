/** Brings a store up to date with what is served now: the standing namespaces, the definitions, the stored objects. */
import { createHash } from 'node:crypto';
import { definitionKind } from './builtin/definition.ts';
import { namespaceKind, systemNamespaces } from './builtin/namespace.ts';
import { type Definition, establishedDefinition } from './crd.ts';
import { applyDefaults } from './defaulting.ts';
import { deepEqual } from './json.ts';
import type { Kind } from './kind.ts';
import { keyOf, type Objects } from './objects.ts';
import { prune } from './pruning.ts';
import type { ObjectStore } from './storage.ts';

/** @param namespace one that there shall be besides those that always are */
export function bootstrap(
  store: ObjectStore,
  objects: Objects,
  definitions: readonly Definition[],
  namespace: string,
  now: Date,
): void {
  for (const name of new Set([...systemNamespaces, namespace])) {
    if (!store.get(keyOf(namespaceKind, undefined, name))) objects.create(namespaceKind, undefined, { metadata: { name } });
  }
  for (const definition of definitions) publish(store, objects, definition, now);
  const served = new Set(definitions.map(({ object }) => object.metadata.name));
  for (const { metadata } of store.list(definitionKind.bucket)) {
    if (!served.has(metadata.name)) objects.delete({ kind: definitionKind, namespace: undefined, name: metadata.name });
  }
}

function publish(store: ObjectStore, objects: Objects, { kind, object }: Definition, now: Date): void {
  const key = keyOf(definitionKind, undefined, object.metadata.name);
  const wanted = establishedDefinition(object, now.toISOString());
  const stored = store.get(key);
  const setting = `schema of ${kind.bucket}`;
  const hash = createHash('sha256').update(JSON.stringify(object)).digest('hex');
  if (stored && deepEqual(stored.spec, wanted.spec) && store.setting(setting) === hash) return;
  if (stored) objects.rewrite(definitionKind, key, { ...wanted, metadata: { ...stored.metadata, ...wanted.metadata } });
  else objects.create(definitionKind, undefined, wanted);
  migrate(store, objects, kind);
  store.setSetting(setting, hash);
}

/** Gives stored objects the defaults of a changed schema and drops what it no longer knows, as a read would on a cluster. */
function migrate(store: ObjectStore, objects: Objects, kind: Kind): void {
  for (const object of store.list(kind.bucket)) {
    const next = structuredClone(object);
    prune(next, kind.schema);
    applyDefaults(next, kind.schema);
    if (!deepEqual(next, object)) objects.rewrite(kind, keyOf(kind, object.metadata.namespace, object.metadata.name), next);
  }
}
