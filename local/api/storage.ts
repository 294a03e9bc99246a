/**
 * The objects, in SQLite. One revision counts all writes; a write survives the end of the process, and when it says what a
 * user wants also a power cut, before it is answered. Its change is kept for a while so that a watch can continue where it
 * was cut off.
 */
import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { type ApiObject, parseStored } from './json.ts';

export type ObjectKey = { readonly bucket: string; readonly namespace: string; readonly name: string };

export type Change = {
  readonly revision: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly bucket: string;
  readonly namespace: string;
  readonly name: string;
  /** The object after the change; what it was last, with the revision of its end, after a deletion. */
  readonly object: ApiObject;
  readonly previous: ApiObject | undefined;
};

/** The state folder is served by another process. */
export class StoreInUseError extends Error {
  override readonly name = 'StoreInUseError';
}

const defaultHistory = 2000;
const maxCompactionStep = 200;

export class ObjectStore {
  readonly #database: DatabaseSync;
  readonly #historyLimit: number;
  readonly #compactEvery: number;
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #statements: ReturnType<typeof prepare>;
  #revision: number;
  #compacted: number;
  #synced = true;

  /** Opens or creates the file and takes it for this process alone. `history`: how many changes are kept. */
  constructor(path: string, options: { history?: number } = {}) {
    this.#historyLimit = options.history ?? defaultHistory;
    this.#compactEvery = Math.max(1, Math.min(maxCompactionStep, Math.floor(this.#historyLimit / 4)));
    // It holds Secrets. SQLite gives its other files the mode of this one.
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    this.#database = new DatabaseSync(path, { timeout: 0 });
    try {
      this.#database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
      this.#database.exec(tables);
      this.#statements = prepare(this.#database);
    } catch (error) {
      this.#database.close();
      if (Error.isError(error) && /locked|busy/i.test(error.message)) {
        throw new StoreInUseError(`${path} is in use by another process; stop it or choose another state folder`, {
          cause: error,
        });
      }
      throw error;
    }
    const range = this.#statements.range.get();
    this.#revision = integer(range?.last ?? 1);
    this.#compacted = integer(range?.first ?? 2) - 1;
  }

  /** The revision of the last write. */
  get revision(): number {
    return this.#revision;
  }

  /** The newest revision after which changes are no longer known. */
  get compacted(): number {
    return this.#compacted;
  }

  get(key: ObjectKey): ApiObject | undefined {
    const row = this.#statements.get.get(key.bucket, key.namespace, key.name);
    return row && parseStored(string(row.body));
  }

  /** All objects of a bucket, or of one namespace of it, in the order of `namespace/name`, as etcd has them. */
  list(bucket: string, namespace?: string): ApiObject[] {
    return this.texts(bucket, namespace).map(parseStored);
  }

  /** The same as they are stored, for who has to take them apart in pieces: `parseStored`. */
  texts(bucket: string, namespace?: string): string[] {
    const rows = namespace === undefined ? this.#statements.list.all(bucket) : this.#statements.listIn.all(bucket, namespace);
    return rows.map((row) => string(row.body));
  }

  /** What `list` was at an earlier revision, which must not be older than `compacted`. */
  listAt(revision: number, bucket: string, namespace?: string): ApiObject[] {
    const objects = new Map(this.list(bucket, namespace).map((object) => [keyText(object), object]));
    for (const change of this.changesSince(revision, bucket).reverse()) {
      if (namespace !== undefined && change.namespace !== namespace) continue;
      if (change.previous) objects.set(keyText(change.previous), change.previous);
      else objects.delete(keyText(change.object));
    }
    return [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /**
   * Part of what `list` of a namespace was at a revision, which must not be older than `compacted`: the first `limit` objects
   * after a name, and how many come after them. Only these are read, however many there are.
   */
  page(
    bucket: string,
    namespace: string,
    { after, limit, revision }: { after: string; limit: number; revision: number },
  ): { objects: ApiObject[]; remaining: number } {
    // As they were before what changed since; absent when they were made since.
    const before = new Map<string, ApiObject | undefined>();
    if (revision < this.#revision) {
      for (const change of this.changesSince(revision, bucket).reverse()) {
        if (change.namespace === namespace) before.set(change.name, change.previous);
      }
    }
    const wanted = limit + before.size;
    const rows = this.#statements.pageIn.all(bucket, namespace, after, wanted);
    const end = rows.length < wanted ? undefined : string(rows.at(-1)?.name ?? '');
    const found = rows.flatMap((row): [string, () => ApiObject][] => {
      const name = string(row.name);
      return before.has(name) ? [] : [[name, () => parseStored(string(row.body))]];
    });
    for (const [name, object] of before) {
      if (object && name > after && (end === undefined || name <= end)) found.push([name, () => object]);
    }
    found.sort(([a], [b]) => (a < b ? -1 : 1));
    const page = found.slice(0, limit);
    const last = page.at(-1)?.[0] ?? after;
    let remaining = integer(this.#statements.countIn.get(bucket, namespace, last)?.count ?? 0);
    for (const [name, object] of before) {
      if (name <= last) continue;
      remaining += (object ? 1 : 0) - (this.#statements.get.get(bucket, namespace, name) ? 1 : 0);
    }
    return { objects: page.map(([, read]) => read()), remaining };
  }

  /** Everything in a namespace, of whatever kind. */
  inNamespace(namespace: string): ObjectKey[] {
    return this.#statements.inNamespace.all(namespace).map(keyOf);
  }

  /** Objects that have owners, finalizers to wait for, or are being deleted: what garbage collection looks at. */
  collectable(): { key: ObjectKey; object: ApiObject }[] {
    return this.#statements.collectable.all().map((row) => ({ key: keyOf(row), object: parseStored(string(row.body)) }));
  }

  hasUid(uid: string): boolean {
    return this.#statements.uid.get(uid) !== undefined;
  }

  /**
   * Creates or replaces the object; its metadata.resourceVersion becomes the new revision. A power cut
   * may undo writes that are not durable, up to the last one that is.
   */
  put(key: ObjectKey, object: ApiObject, durable = true): void {
    const previous = this.get(key);
    this.#sync(durable);
    this.#write(key, object, previous, previous ? 'MODIFIED' : 'ADDED');
  }

  /** Removes the object; `last` is its final state, whose resourceVersion becomes the revision of the removal. */
  remove(key: ObjectKey, last: ApiObject): void {
    this.#sync(true);
    this.#write(key, last, this.get(key), 'DELETED');
  }

  /** Changes after the revision, oldest first; it must not be older than `compacted`. */
  changesSince(revision: number, bucket: string): Change[] {
    return this.#statements.changes.all(bucket, revision).map((row) => ({
      ...keyOf(row),
      revision: integer(row.revision ?? 0),
      type: changeType(row.type),
      object: parseStored(string(row.body)),
      previous: row.previous === null ? undefined : parseStored(string(row.previous)),
    }));
  }

  /** Calls the listener after every change, in order; returns what ends it. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setting(name: string): string | undefined {
    const row = this.#statements.setting.get(name);
    return row && string(row.value);
  }

  setSetting(name: string, value: string): void {
    this.#sync(true);
    this.#statements.setSetting.run(name, value);
  }

  close(): void {
    this.#listeners.clear();
    this.#database.close();
  }

  /** Whether the next commits wait for the disk. In WAL mode one that does takes all before it along. */
  #sync(durable: boolean): void {
    if (durable === this.#synced) return;
    this.#database.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}`);
    this.#synced = durable;
  }

  #write(key: ObjectKey, object: ApiObject, previous: ApiObject | undefined, type: Change['type']): void {
    const revision = this.#revision + 1;
    object.metadata.resourceVersion = String(revision);
    const body = JSON.stringify(object);
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const { bucket, namespace, name } = key;
      if (type === 'DELETED') this.#statements.remove.run(bucket, namespace, name);
      else {
        const meta = object.metadata;
        const watched = meta.ownerReferences?.length || meta.deletionTimestamp ? 1 : 0;
        this.#statements.put.run(bucket, namespace, name, meta.uid ?? '', watched, body);
      }
      const before = previous ? JSON.stringify(previous) : null;
      this.#statements.change.run(revision, type, bucket, namespace, name, body, before);
      if (revision % this.#compactEvery === 0) this.#statements.compact.run(revision - this.#historyLimit);
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
    this.#revision = revision;
    if (revision % this.#compactEvery === 0) this.#compacted = Math.max(this.#compacted, revision - this.#historyLimit);
    const change: Change = { revision, type, ...key, object, previous };
    for (const listener of [...this.#listeners]) listener(change);
  }
}

const tables = `
  CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    uid TEXT NOT NULL, collectable INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (bucket, namespace, name)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS objects_by_uid ON objects (uid);
  CREATE INDEX IF NOT EXISTS objects_collectable ON objects (collectable) WHERE collectable = 1;
  CREATE INDEX IF NOT EXISTS objects_by_namespace ON objects (namespace);
  CREATE TABLE IF NOT EXISTS changes (
    revision INTEGER PRIMARY KEY, type TEXT NOT NULL,
    bucket TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    body TEXT NOT NULL, previous TEXT
  );
  CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`;

function prepare(database: DatabaseSync) {
  return {
    range: database.prepare('SELECT min(revision) AS first, max(revision) AS last FROM changes'),
    get: database.prepare('SELECT body FROM objects WHERE bucket = ? AND namespace = ? AND name = ?'),
    list: database.prepare("SELECT body FROM objects WHERE bucket = ? ORDER BY namespace || '/', name"),
    listIn: database.prepare('SELECT body FROM objects WHERE bucket = ? AND namespace = ? ORDER BY name'),
    pageIn: database.prepare(
      'SELECT name, body FROM objects WHERE bucket = ? AND namespace = ? AND name > ? ORDER BY name LIMIT ?',
    ),
    // The bodies are not in this index, so that counting reads little.
    countIn: database.prepare(
      'SELECT count(*) AS count FROM objects INDEXED BY objects_by_namespace WHERE bucket = ? AND namespace = ? AND name > ?',
    ),
    inNamespace: database.prepare('SELECT bucket, namespace, name FROM objects WHERE namespace = ? ORDER BY bucket, name'),
    collectable: database.prepare('SELECT bucket, namespace, name, body FROM objects WHERE collectable = 1'),
    uid: database.prepare('SELECT 1 FROM objects WHERE uid = ?'),
    put: database.prepare(
      'INSERT OR REPLACE INTO objects (bucket, namespace, name, uid, collectable, body) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    remove: database.prepare('DELETE FROM objects WHERE bucket = ? AND namespace = ? AND name = ?'),
    change: database.prepare(
      'INSERT INTO changes (revision, type, bucket, namespace, name, body, previous) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    changes: database.prepare('SELECT * FROM changes WHERE bucket = ? AND revision > ? ORDER BY revision'),
    compact: database.prepare('DELETE FROM changes WHERE revision <= ?'),
    setting: database.prepare('SELECT value FROM settings WHERE name = ?'),
    setSetting: database.prepare('INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)'),
  };
}

function keyText(object: ApiObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function keyOf(row: Record<string, SQLOutputValue>): ObjectKey {
  return { bucket: string(row.bucket), namespace: string(row.namespace), name: string(row.name) };
}

function string(value: SQLOutputValue | undefined): string {
  if (typeof value !== 'string') throw new Error('the object store holds a value that is no text');
  return value;
}

function integer(value: SQLOutputValue): number {
  return Number(value);
}

function changeType(value: SQLOutputValue | undefined): Change['type'] {
  if (value === 'ADDED' || value === 'MODIFIED' || value === 'DELETED') return value;
  throw new Error('the object store holds an unknown kind of change');
}
