/**
 * What the operator knows of its sandboxes' folders, kept beside them in `.sandboxes`, which commands cannot reach where
 * there is isolation. A record proves whose a folder is; the folder's marker, and its identity in the file system, prove
 * that it is the recorded one.
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../error-code.ts';
import { storageFull } from '../storage-full.ts';
import { type SandboxOwner, SandboxUnavailableError } from '../transport.ts';
import type { IsolationMethod } from './isolation.ts';
import type { Occupant } from './peers.ts';
import type { ProcessId } from './processes.ts';
import type { FileOwner } from './tree.ts';

export type SandboxRecord = {
  owner: SandboxOwner;
  sandboxUid: string;
  /** Name of the folder. */
  name: string;
  /** The folder in the file system, against one that was put in its place. */
  folder: { inode: string; birth: string };
  method: IsolationMethod;
  user?: FileOwner;
};

const MARKER = '.sandbox';

export class Records {
  readonly #directory: string;
  readonly #workspaceDir: string;
  /** By name. Kept beside the files because it is asked for so often; only the transport that has these records changes them. */
  readonly #occupants = new Map<string, Occupant>();

  /** @param workspaceDir absolute, without symbolic links; it exists. */
  constructor(workspaceDir: string) {
    this.#workspaceDir = workspaceDir;
    this.#directory = join(workspaceDir, '.sandboxes');
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const record of this.list()) this.#note(record, this.readRunner(record.name));
  }

  /** What tells the processes of the sandboxes from all others. */
  occupants(): Iterable<Occupant> {
    return this.#occupants.values();
  }

  root(name: string): string {
    return join(this.#workspaceDir, name);
  }

  marker(name: string): string {
    return join(this.root(name), MARKER);
  }

  read(name: string): SandboxRecord | undefined {
    const parsed = readJson(join(this.#directory, `${name}.json`));
    return isRecord(parsed) && parsed.name === name ? parsed : undefined;
  }

  list(): SandboxRecord[] {
    return readdirSync(this.#directory).flatMap((file) => {
      const record = file.endsWith('.json') ? this.read(file.slice(0, -'.json'.length)) : undefined;
      return record ? [record] : [];
    });
  }

  /** Makes the folder, complete with its marker and the given subfolders, in one step; its record comes first. */
  create(record: Omit<SandboxRecord, 'folder'>, prepare: (folder: string) => void): SandboxRecord {
    const staged = this.#scratch('new');
    try {
      mkdirSync(staged);
      // Whatever the umask: a user of the session's own must get through. What is private lies in folders that are.
      chmodSync(staged, 0o755);
      writeFileSync(join(staged, MARKER), `${record.sandboxUid}\n`, { mode: 0o444 });
      prepare(staged);
      const complete: SandboxRecord = { ...record, folder: identity(staged) };
      this.#write(`${record.name}.json`, complete);
      // Refused by the kernel when a folder with anything in it has appeared there.
      renameSync(staged, this.root(record.name));
      this.#note(complete, undefined);
      return complete;
    } catch (error) {
      rmSync(staged, { recursive: true, force: true });
      throw converted(error, this.root(record.name));
    }
  }

  /** Whether the recorded folder is there, gone, or another one is in its place. */
  folderState(record: SandboxRecord): 'ours' | 'absent' | 'foreign' {
    const root = this.root(record.name);
    let here: SandboxRecord['folder'];
    try {
      if (!lstatSync(root).isDirectory()) return 'foreign';
      here = identity(root);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return 'absent';
      throw error;
    }
    if (here.inode === record.folder.inode && here.birth === record.folder.birth) return 'ours';
    return readText(this.marker(record.name)) === `${record.sandboxUid}\n` ? 'ours' : 'foreign';
  }

  exists(name: string): boolean {
    return lstatSync(this.root(name), { throwIfNoEntry: false }) !== undefined;
  }

  /** The process to end when the sandbox is to end, as recorded when it was started. */
  readRunner(name: string): ProcessId | undefined {
    const parsed = readJson(join(this.#directory, `${name}.runner`));
    return isProcessId(parsed) ? parsed : undefined;
  }

  writeRunner(name: string, runner: ProcessId): void {
    this.#write(`${name}.runner`, runner);
    const record = this.read(name);
    if (record) this.#note(record, runner);
  }

  /** Nothing runs in the sandbox any more. */
  forgetRunner(name: string): void {
    rmSync(join(this.#directory, `${name}.runner`), { force: true });
    const occupant = this.#occupants.get(name);
    if (occupant) delete occupant.runner;
  }

  /** Moves the folder out of the way for removal, and forgets it. @returns where it is now. */
  discard(record: SandboxRecord): string | undefined {
    const trash = this.#scratch('trash');
    const ours = this.folderState(record) === 'ours';
    if (ours) renameSync(this.root(record.name), trash);
    this.forget(record.name);
    return ours ? trash : undefined;
  }

  forget(name: string): void {
    rmSync(join(this.#directory, `${name}.json`), { force: true });
    rmSync(join(this.#directory, `${name}.runner`), { force: true });
    this.#occupants.delete(name);
  }

  #note({ name, sandboxUid, method, user }: SandboxRecord, runner: ProcessId | undefined): void {
    this.#occupants.set(name, { sandboxUid, method, ...(user ? { user: user.uid } : {}), ...(runner ? { runner } : {}) });
  }

  /** Leftovers of a crash while a folder was made or removed. Only to be asked for before anything is made or removed. */
  leftovers(): string[] {
    return readdirSync(this.#directory)
      .filter((name) => /^(new|trash)-/.test(name) && !/\.(json|runner)$/.test(name))
      .map((name) => join(this.#directory, name));
  }

  #scratch(kind: 'new' | 'trash'): string {
    return join(this.#directory, `${kind}-${randomUUID()}`);
  }

  #write(file: string, value: unknown): void {
    const temporary = join(this.#directory, `.${file}.${randomUUID()}`);
    try {
      writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 });
      renameSync(temporary, join(this.#directory, file));
    } catch (error) {
      rmSync(temporary, { force: true });
      throw converted(error, temporary);
    }
  }
}

/** Not permanent: the session goes on once the folder is out of the way. */
export function occupied(root: string, cause?: unknown): SandboxUnavailableError {
  return new SandboxUnavailableError(
    'WorkspaceOccupied',
    `${root} exists and was not made for this session; move or remove it, then try again`,
    { permanent: false, cause },
  );
}

function converted(error: unknown, root: string): unknown {
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return storageFull('local', error);
    case 'ENOTEMPTY':
    case 'EEXIST':
    case 'ENOTDIR':
      return occupied(root, error);
    default:
      return error;
  }
}

function identity(path: string): SandboxRecord['folder'] {
  const stats = lstatSync(path, { bigint: true });
  return { inode: String(stats.ino), birth: String(stats.birthtimeNs) };
}

function readText(path: string): string | undefined {
  try {
    return lstatSync(path).isFile() ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

function readJson(path: string): unknown {
  const text = readText(path);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isRecord(value: unknown): value is SandboxRecord {
  if (!isObject(value) || !isObject(value.owner) || !isObject(value.folder)) return false;
  const { owner, folder, user } = value;
  return (
    [owner.uid, owner.name, owner.namespace, value.sandboxUid, value.name, folder.inode, folder.birth].every(
      (field) => typeof field === 'string',
    ) &&
    (value.method === 'bubblewrap' || value.method === 'user' || value.method === 'none') &&
    (user === undefined || (isObject(user) && typeof user.uid === 'number' && typeof user.gid === 'number'))
  );
}

function isProcessId(value: unknown): value is ProcessId {
  return isObject(value) && typeof value.pid === 'number' && typeof value.start === 'string';
}
