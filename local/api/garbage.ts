/**
 * What the garbage collector and the namespace controller of a cluster do: objects whose owners are gone go too, foreground
 * deletion waits for dependents, a terminating namespace is emptied, and old events expire. One sweep looks at what is
 * there and does what is due, so that nothing depends on having seen every change.
 */
import type { OwnerReference } from '../../operator/api/resources.ts';
import { eventKind, lastSeen } from './builtin/event.ts';
import { namespaceKind } from './builtin/namespace.ts';
import type { ApiObject } from './json.ts';
import { apiVersionOf, type Kind } from './kind.ts';
import { keyOf, type Objects, served } from './objects.ts';
import type { Change, ObjectKey, ObjectStore } from './storage.ts';

const eventLifetimeMs = 60 * 60 * 1000;
const eventSweepMs = 5 * 60 * 1000;

export class GarbageCollector {
  readonly #store: ObjectStore;
  readonly #objects: Objects;
  readonly #kinds: readonly Kind[];
  readonly #now: () => Date;
  readonly #unsubscribe: () => void;
  readonly #timer: NodeJS.Timeout;
  #scheduled: NodeJS.Immediate | undefined;

  /** Runs until `close`, beginning with what a former process left undone. */
  constructor(store: ObjectStore, objects: Objects, kinds: readonly Kind[], now: () => Date) {
    this.#store = store;
    this.#objects = objects;
    this.#kinds = kinds;
    this.#now = now;
    this.#unsubscribe = store.subscribe((change) => {
      if (concernsCollection(change)) this.#schedule();
    });
    this.#timer = setInterval(() => this.#expireEvents(), eventSweepMs).unref();
    this.#expireEvents();
    this.#schedule();
  }

  close(): void {
    this.#unsubscribe();
    clearInterval(this.#timer);
    if (this.#scheduled) clearImmediate(this.#scheduled);
  }

  /** Removes events that were last seen an hour ago. */
  #expireEvents(): void {
    const oldest = this.#now().getTime() - eventLifetimeMs;
    for (const event of this.#store.list(eventKind.bucket)) {
      if (lastSeen(event) < oldest) this.#delete(keyOf(eventKind, event.metadata.namespace, event.metadata.name));
    }
  }

  #schedule(): void {
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      this.#sweep();
    });
  }

  /** One pass. What it changes schedules the next, until there is nothing left to do. */
  #sweep(): void {
    const candidates = this.#store.collectable();
    for (const { key } of candidates) {
      // Read again: an earlier step of the same pass may have changed or removed it.
      const object = this.#store.get(key);
      const kind = this.#kindOf(key);
      if (!object || !kind) continue;
      if (kind === namespaceKind) this.#emptyNamespace(key, object);
      else if (object.metadata.deletionTimestamp) this.#finishDeletion(kind, key, object, candidates);
      else this.#collectIfOrphaned(kind, key, object);
    }
  }

  #emptyNamespace(key: ObjectKey, namespace: ApiObject): void {
    if (!namespace.metadata.deletionTimestamp) return;
    for (const inside of this.#store.inNamespace(key.name)) this.#delete(inside);
    if (this.#store.inNamespace(key.name).length === 0 && !namespace.metadata.finalizers?.length)
      this.#store.remove(key, namespace);
  }

  #finishDeletion(
    kind: Kind,
    key: ObjectKey,
    object: ApiObject,
    candidates: readonly { key: ObjectKey; object: ApiObject }[],
  ): void {
    const finalizers = object.metadata.finalizers ?? [];
    const dependents = candidates.filter((each) => ownerWith(each.object, object.metadata.uid));
    if (finalizers.includes('orphan')) {
      for (const { key: dependent } of dependents) this.#dropOwners(dependent, (owner) => owner.uid === object.metadata.uid);
      this.#dropFinalizer(kind, key, 'orphan');
    } else if (finalizers.includes('foregroundDeletion')) {
      for (const dependent of dependents) this.#delete(dependent.key, 'Foreground');
      const waiting = dependents.some((each) => {
        const still = this.#store.get(each.key);
        return still !== undefined && ownerWith(still, object.metadata.uid)?.blockOwnerDeletion === true;
      });
      if (!waiting) this.#dropFinalizer(kind, key, 'foregroundDeletion');
    }
  }

  #collectIfOrphaned(kind: Kind, key: ObjectKey, object: ApiObject): void {
    const owners = object.metadata.ownerReferences ?? [];
    const gone = owners.filter((owner) => this.#isGone(owner));
    if (gone.length === 0) return;
    if (gone.length === owners.length) this.#delete(key);
    else this.#dropOwners(key, (owner) => gone.some((each) => each.uid === owner.uid), kind);
  }

  /** An owner of a kind that is not served here is somebody else's to judge. */
  #isGone(owner: OwnerReference): boolean {
    const known = this.#kinds.some(
      (kind) => kind.resource.kind === owner.kind && apiVersionOf(kind.resource) === owner.apiVersion,
    );
    return known && !this.#store.hasUid(owner.uid);
  }

  #delete(key: ObjectKey, propagation: 'Background' | 'Foreground' = 'Background'): void {
    const kind = this.#kindOf(key);
    const object = this.#store.get(key);
    if (!kind || !object || (object.metadata.deletionTimestamp && propagation === 'Background')) return;
    const namespace = kind.resource.namespaced ? key.namespace : undefined;
    this.#objects.delete({ kind, namespace, name: key.name }, { propagation });
  }

  #dropOwners(key: ObjectKey, which: (owner: OwnerReference) => boolean, kind = this.#kindOf(key)): void {
    const object = this.#store.get(key);
    if (!object || !kind) return;
    object.metadata.ownerReferences = (object.metadata.ownerReferences ?? []).filter((owner) => !which(owner));
    this.#objects.rewrite(kind, key, served(kind, object));
  }

  #dropFinalizer(kind: Kind, key: ObjectKey, finalizer: string): void {
    const object = this.#store.get(key);
    if (!object) return;
    object.metadata.finalizers = (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
    this.#objects.rewrite(kind, key, served(kind, object));
  }

  #kindOf(key: ObjectKey): Kind | undefined {
    return this.#kinds.find((kind) => kind.bucket === key.bucket && !kind.shape);
  }
}

function concernsCollection({ type, object }: Change): boolean {
  return (
    type === 'DELETED' || object.metadata.deletionTimestamp !== undefined || (object.metadata.ownerReferences?.length ?? 0) > 0
  );
}

function ownerWith(object: ApiObject, uid: string | undefined): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.uid === uid);
}
