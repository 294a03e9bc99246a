/** A folder that a setting names, made and tried before anything relies on it, so that what is wrong is said at once. */
import { randomUUID } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode } from './error-code.ts';

export type FolderUse = {
  /** What it is for, in words: `state folder`. */
  what: string;
  /** The setting that names it. */
  variable: string;
  /** Whether it is closed to other users. */
  private?: boolean;
  /** A file by which a folder is known that was used before. A private folder that holds other things only is refused. */
  knownBy?: string;
};

/** The folder cannot be used; the message names it, why, the setting, and what to do. */
export class FolderError extends Error {
  override readonly name: string = 'FolderError';
}

/** What must fit at the start; with less there would be no session. */
const PROBE_BYTES = 256 * 1024;

/**
 * Makes the folder where there is none, and sees that files can be written in it.
 * @param path absolute
 * @throws FolderError
 */
export function makeUsable(path: string, use: FolderUse): void {
  try {
    make(path, use.private ? 0o700 : 0o755);
    if (use.private) close(path, use);
    probe(path);
  } catch (error) {
    throw error instanceof Obstacle ? unusable(path, use, error) : unusable(path, use, obstacleOf(error, path));
  }
}

/** Why a folder cannot be used and what would help, as parts of a sentence. */
class Obstacle extends Error {
  readonly remedy: string;
  constructor(why: string, remedy: string, cause?: unknown) {
    super(why, { cause });
    this.remedy = remedy;
  }
}

function unusable(path: string, { what, variable }: FolderUse, { message, remedy, cause }: Obstacle): FolderError {
  return new FolderError(`the ${what} ${path} cannot be used (${message}): ${remedy}, or set ${variable} to another folder`, {
    cause,
  });
}

/** One step after the other: mkdir with `recursive` never ends where a parent refuses new folders with ENOENT, as /proc does. */
function make(path: string, mode: number): void {
  const missing: string[] = [];
  let at = path;
  for (let found = look(at); !found; found = look(at)) {
    missing.unshift(at);
    at = dirname(at);
  }
  if (!statSync(at).isDirectory()) throw new Obstacle(`${at} is a file`, 'move the file away');
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode });
    } catch (error) {
      // Somebody else made it at the same moment.
      if (errorCode(error) !== 'EEXIST' || !statSync(folder).isDirectory()) throw obstacleOf(error, dirname(folder));
    }
  }
}

function look(path: string): Stats | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found && lstatSync(path, { throwIfNoEntry: false })) {
    throw new Obstacle(`${path} is a link that leads nowhere`, 'remove the link');
  }
  return found;
}

function close(path: string, { knownBy }: FolderUse): void {
  const { mode, uid } = statSync(path);
  const me = process.geteuid?.();
  // Root may be given somebody's folder, as a container is; anybody else could not keep its owner out.
  if (me !== undefined && me !== 0 && uid !== me) {
    throw new Obstacle(`it belongs to the user with the number ${uid}`, 'start as that user');
  }
  if ((mode & 0o077) === 0) return;
  const held = readdirSync(path).filter((name) => name !== 'lost+found');
  if (held.length > 0 && !held.some((name) => name === knownBy)) {
    throw new Obstacle('it holds other things, which would be closed to all other users', 'empty it');
  }
  chmodSync(path, 0o700);
}

function probe(path: string): void {
  const file = join(path, `.probe-${randomUUID()}`);
  accessSync(path, constants.W_OK | constants.X_OK);
  try {
    writeFileSync(file, Buffer.alloc(PROBE_BYTES), { flag: 'wx', mode: 0o600 });
  } finally {
    rmSync(file, { force: true });
  }
}

function obstacleOf(error: unknown, at: string): Obstacle {
  const said = error instanceof Error ? error.message : String(error);
  switch (errorCode(error)) {
    case 'EROFS':
      return new Obstacle(`${at} is on a file system that can only be read`, 'mount it for writing', error);
    case 'ENOSPC':
    case 'EDQUOT':
      return new Obstacle('no space is left on its disk', 'free some space', error);
    case 'EACCES':
    case 'EPERM': {
      const owner = statSync(at, { throwIfNoEntry: false })?.uid;
      const whose =
        owner !== undefined && owner !== process.geteuid?.() ? `, which belongs to the user with the number ${owner}` : '';
      return new Obstacle(`nothing may be written in ${at}${whose}`, 'make it writable', error);
    }
    case 'ENOTDIR':
      return new Obstacle('a part of its path is a file', 'move the file away', error);
    case 'ENOENT':
      return new Obstacle(`${at} takes no folders`, 'move it elsewhere', error);
    default:
      return new Obstacle(said, 'make it writable', error);
  }
}
