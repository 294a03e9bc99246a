/** The verbs on stored objects, apart from HTTP: create, read, update, delete, with what Kubernetes promises for each. */
import { randomInt, randomUUID } from 'node:crypto';
import {
  admit,
  type Decoded,
  decode,
  desiredStateChanged,
  type FieldValidation,
  merged,
  requireLocation,
  versionRequired,
} from './admission.ts';
import { alreadyExists, badRequest, conflict, forbiddenRequest, notFound, type Status, success } from './api-status.ts';
import { namespaceKind, systemNamespaces } from './builtin/namespace.ts';
import { type ApiObject, deepEqual, isObject } from './json.ts';
import type { Kind } from './kind.ts';
import type { ObjectKey, ObjectStore } from './storage.ts';

export type WriteOptions = {
  readonly dryRun?: boolean;
  readonly fieldValidation?: FieldValidation;
  readonly duplicates?: readonly string[];
};

/** `patched`: the object was made from the current one, so that it need not name the version it is meant for. */
type UpdateOptions = WriteOptions & { readonly patched?: boolean };

export type Written = { readonly object: ApiObject; readonly created: boolean; readonly warnings: readonly string[] };

export type Propagation = 'Background' | 'Foreground' | 'Orphan';

export type DeleteOptions = {
  readonly dryRun?: boolean;
  readonly propagation?: Propagation;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
};

/** Where an object is; the namespace is undefined for kinds that have none. */
export type Location = { readonly kind: Kind; readonly namespace: string | undefined; readonly name: string };

const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
const maxGeneratedPrefix = 58;

export class Objects {
  readonly #store: ObjectStore;
  readonly #now: () => Date;

  constructor(store: ObjectStore, now: () => Date) {
    this.#store = store;
    this.#now = now;
  }

  get({ kind, namespace, name }: Location): ApiObject {
    const stored = this.#store.get(keyOf(kind, namespace, name));
    if (!stored) throw notFound(kind.resource, name);
    return served(kind, stored);
  }

  /** Creates an object; the namespace must exist and not be about to go. */
  create(kind: Kind, namespace: string | undefined, input: unknown, options: WriteOptions = {}): Written {
    const { object, warnings } = this.#decoded(kind, input, options);
    const { metadata } = object;
    if (metadata.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
    requireLocation(object, namespace, undefined);
    if (!metadata.name && metadata.generateName) metadata.name = generatedName(metadata.generateName);
    if (namespace !== undefined) this.#requireNamespace(kind, namespace, metadata.name);
    for (const field of ['deletionTimestamp', 'deletionGracePeriodSeconds', 'generation'] as const) delete metadata[field];
    metadata.uid = randomUUID();
    metadata.creationTimestamp = this.#timestamp();
    if (kind.custom) metadata.generation = 1;
    if (kind.status) delete object.status;
    admit(kind, object, undefined);
    const key = keyOf(kind, namespace, metadata.name);
    if (this.#store.get(key)) throw alreadyExists(kind.resource, metadata.name);
    if (!options.dryRun) this.#put(kind, key, object);
    return { object, created: true, warnings };
  }

  /** Replaces the object by what `change` makes of the current one. */
  update(
    location: Location,
    subresource: 'status' | undefined,
    change: (current: ApiObject) => unknown,
    options: UpdateOptions = {},
  ): Written {
    const { kind, namespace, name } = location;
    const current = this.get(location);
    const { object: next, warnings } = this.#decoded(kind, change(structuredClone(current)), options);
    requireLocation(next, namespace, name);
    this.#requireVersion(kind, next, current, options.patched ?? false);
    const object = merged(kind, next, current, subresource);
    admit(kind, object, current);
    if (kind.custom && desiredStateChanged(object, current)) object.metadata.generation = (current.metadata.generation ?? 0) + 1;
    const { resourceVersion } = current.metadata;
    if (resourceVersion !== undefined) object.metadata.resourceVersion = resourceVersion;
    if (deepEqual(object, current) || options.dryRun) return { object, created: false, warnings };
    // A status is what controllers found out, and will find out again.
    this.#settle(kind, keyOf(kind, namespace, name), object, subresource !== 'status');
    return { object, created: false, warnings };
  }

  /** Deletes the object, or marks it while somebody still has to clean up: then the object itself is the answer. */
  delete(location: Location, options: DeleteOptions = {}): ApiObject | Status {
    const { kind, namespace, name } = location;
    const object = structuredClone(this.get(location));
    requirePreconditions(kind, object, options.preconditions);
    if (kind === namespaceKind) {
      if (systemNamespaces.includes(name)) throw forbiddenRequest(kind.resource, name, 'this namespace may not be deleted');
      object.status = { ...(isObject(object.status) && object.status), phase: 'Terminating' };
    }
    const finalizers = new Set(object.metadata.finalizers);
    if (options.propagation === 'Foreground') finalizers.add('foregroundDeletion');
    if (options.propagation === 'Orphan') finalizers.add('orphan');
    const key = keyOf(kind, namespace, name);
    if (finalizers.size === 0 && kind !== namespaceKind) {
      if (!options.dryRun) this.#store.remove(key, stored(kind, object));
      const { group, plural } = kind.resource;
      const { uid } = object.metadata;
      return success({ name, ...(group && { group }), kind: plural, ...(uid !== undefined && { uid }) });
    }
    const before = structuredClone(object);
    if (finalizers.size) object.metadata.finalizers = [...finalizers];
    if (!object.metadata.deletionTimestamp) {
      object.metadata.deletionTimestamp = this.#timestamp();
      if (kind !== namespaceKind) object.metadata.deletionGracePeriodSeconds = 0;
      if (object.metadata.generation) object.metadata.generation++;
    }
    if (!options.dryRun && !deepEqual(object, before)) this.#put(kind, key, object);
    return object;
  }

  /** Changes a stored object on the server's own behalf; without `object` it goes at once. */
  rewrite(kind: Kind, key: ObjectKey, object: ApiObject): void {
    this.#settle(kind, key, object);
  }

  #decoded(kind: Kind, input: unknown, { fieldValidation = 'Warn', duplicates, patched }: UpdateOptions): Decoded {
    return decode(kind, input, { mode: fieldValidation, ...(duplicates && { duplicates }), ...(patched && { patched }) });
  }

  #requireVersion(kind: Kind, next: ApiObject, current: ApiObject, patched: boolean): void {
    const { resourceVersion, uid } = next.metadata;
    const { name } = current.metadata;
    if (!resourceVersion) {
      if (!patched && !kind.unconditionalUpdate) throw versionRequired(kind.resource, name);
    } else if (resourceVersion !== current.metadata.resourceVersion) throw conflict(kind.resource, name);
    if (!patched && uid && uid !== current.metadata.uid) {
      const uids = `UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`;
      throw conflict(kind.resource, name, `Precondition failed: ${uids}`);
    }
  }

  #requireNamespace(kind: Kind, namespace: string, name: string): void {
    const found = this.#store.get(keyOf(namespaceKind, undefined, namespace));
    if (!found) throw notFound(namespaceKind.resource, namespace);
    if (!found.metadata.deletionTimestamp) return;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const message = `namespace ${namespace} is being terminated`;
    throw forbiddenRequest(kind.resource, name, why, [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }]);
  }

  /** Stores the object, or lets it go when its deletion was waiting for the last finalizer. */
  #settle(kind: Kind, key: ObjectKey, object: ApiObject, durable = true): void {
    const done = object.metadata.deletionTimestamp && !object.metadata.finalizers?.length && kind !== namespaceKind;
    if (done) this.#store.remove(key, stored(kind, object));
    else this.#put(kind, key, object, durable);
  }

  #put(kind: Kind, key: ObjectKey, object: ApiObject, durable = true): void {
    const form = stored(kind, object);
    this.#store.put(key, form, durable && !kind.report);
    const { resourceVersion } = form.metadata;
    if (resourceVersion !== undefined) object.metadata.resourceVersion = resourceVersion;
  }

  #timestamp(): string {
    return this.#now()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z');
  }
}

export function keyOf(kind: Kind, namespace: string | undefined, name: string): ObjectKey {
  return { bucket: kind.bucket, namespace: namespace ?? '', name };
}

/** The stored object as this kind shows it. */
export function served(kind: Kind, object: ApiObject): ApiObject {
  return kind.shape ? kind.shape.fromStored(object) : object;
}

function stored(kind: Kind, object: ApiObject): ApiObject {
  return kind.shape ? kind.shape.toStored(object) : object;
}

function generatedName(prefix: string): string {
  const suffix = Array.from({ length: 5 }, () => suffixAlphabet[randomInt(suffixAlphabet.length)]).join('');
  return `${prefix.slice(0, maxGeneratedPrefix)}${suffix}`;
}

function requirePreconditions(kind: Kind, object: ApiObject, preconditions: DeleteOptions['preconditions']): void {
  const { uid, resourceVersion, name } = object.metadata;
  const named = { ...kind.resource, plural: kind.resource.kind };
  if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
    const uids = `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid})`;
    throw conflict(named, name, `${uids}. The object might have been deleted and then recreated`);
  }
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    const versions = `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record`;
    throw conflict(named, name, `${versions} (${resourceVersion}). The object might have been modified`);
  }
}
