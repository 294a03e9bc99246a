/**
 * Files of a sandbox's folder, handled from outside while commands inside may swap any part of a path for a symbolic link.
 * On Linux nothing is trusted but what an open file says about itself (/proc/self/fd). Where there is no such thing
 * (macOS) commands run with the operator's own rights, and there is nothing to win by a race.
 *
 * Everything that is small is done synchronously: the files are in the page cache, and four trips through the thread
 * pool would cost a step more than the command itself.
 */

import { randomUUID } from 'node:crypto';
import {
  constants as c,
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  read,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  type Stats,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { errorCode } from '../../error-code.ts';
import { PathError } from '../sandbox.ts';
import { storageFull } from '../storage-full.ts';
import { SandboxLostError } from '../transport.ts';

const LINUX = process.platform === 'linux';
const SMALL = 256 * 1024;
const readAsync = promisify(read);
const writeAsync = promisify(write);

export type FileOwner = { uid: number; gid: number };

/** @param root an absolute path without symbolic links. */
export class Tree {
  readonly root: string;
  readonly #owner: FileOwner | undefined;

  constructor(root: string, owner?: FileOwner) {
    this.root = root;
    this.#owner = owner;
  }

  async get(path: string, range: { offset: number; length: number; signal: AbortSignal }): Promise<Uint8Array | undefined> {
    range.signal.throwIfAborted();
    const fd = this.#openExisting(path, c.O_RDONLY);
    if (fd === undefined) return undefined;
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) return undefined;
      const length = Math.max(0, Math.min(range.length, stats.size - range.offset));
      const bytes = Buffer.allocUnsafe(length);
      let done = 0;
      while (done < length) {
        const position = range.offset + done;
        const count =
          length <= SMALL
            ? readSync(fd, bytes, done, length - done, position)
            : (await readAsync(fd, bytes, done, Math.min(length - done, 1 << 22), position)).bytesRead;
        if (count === 0) break;
        done += count;
        range.signal.throwIfAborted();
      }
      return bytes.subarray(0, done);
    } finally {
      closeSync(fd);
    }
  }

  stat(path: string): { type: 'file' | 'directory' | 'other'; size: number; mode: number } | undefined {
    this.#checkNamed(path);
    try {
      const parent = realpathSync.native(dirname(path));
      const inside = path === this.root || parent === this.root || parent.startsWith(`${this.root}/`);
      if (!inside) throw new PathError(`${path} leads out of the sandbox`);
      const stats = lstatSync(path);
      const type = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other';
      return { type, size: stats.size, mode: stats.mode & 0o7777 };
    } catch (error) {
      return this.#absent(error);
    }
  }

  /** Replaces the file only when all bytes arrived. No part of its path may be a symbolic link. */
  async put(path: string, bytes: Uint8Array, options: { mode?: number; signal: AbortSignal }): Promise<void> {
    options.signal.throwIfAborted();
    this.#checkNamed(path);
    const parts = path.slice(this.root.length + 1).split('/');
    const name = parts.pop();
    if (!name || parts.some((part) => part === '' || part === '.' || part === '..') || name === '.' || name === '..') {
      throw new PathError(`${path} is not a plain path below ${this.root}`);
    }
    const directory = this.#openDirectory(parts);
    // Beside its target, but never a name that a file of the user's could have.
    const temporary = `.swe-agent-${randomUUID()}`;
    let written = false;
    try {
      const fd = openSync(directory.child(temporary), c.O_WRONLY | c.O_CREAT | c.O_EXCL | c.O_NOFOLLOW, 0o600);
      try {
        for (let done = 0; done < bytes.length; options.signal.throwIfAborted()) {
          done +=
            bytes.length <= SMALL
              ? writeSync(fd, bytes, done)
              : (await writeAsync(fd, bytes, done, Math.min(bytes.length - done, 1 << 22))).bytesWritten;
        }
        if (this.#owner) fchownSync(fd, this.#owner.uid, this.#owner.gid);
        fchmodSync(fd, options.mode ?? 0o644);
      } finally {
        closeSync(fd);
      }
      renameSync(directory.child(temporary), directory.child(name));
      written = true;
    } catch (error) {
      throw converted(error, path);
    } finally {
      if (!written) {
        try {
          unlinkSync(directory.child(temporary));
        } catch {
          // It was never made.
        }
      }
      directory.close();
    }
  }

  /** Opens a FIFO of the sandbox without ever waiting for its other end; undefined when there is none, or nobody reads. */
  openFifo(path: string, flags: number): number | undefined {
    try {
      const fd = this.#openExisting(path, flags | c.O_NOFOLLOW);
      if (fd === undefined) return undefined;
      if (fstatSync(fd).isFIFO()) return fd;
      closeSync(fd);
      return undefined;
    } catch (error) {
      if (errorCode(error) === 'ENXIO' || error instanceof PathError) return undefined;
      throw error;
    }
  }

  #openExisting(path: string, flags: number): number | undefined {
    this.#checkNamed(path);
    try {
      // O_NONBLOCK: opening a FIFO that somebody left here must not wait.
      if (LINUX) {
        const fd = openSync(path, flags | c.O_NONBLOCK);
        if (this.#owns(readlinkSync(`/proc/self/fd/${fd}`))) return fd;
        closeSync(fd);
        throw new PathError(`${path} leads out of the sandbox`);
      }
      const real = realpathSync.native(path);
      if (!this.#owns(real)) throw new PathError(`${path} leads out of the sandbox`);
      return openSync(real, flags | c.O_NONBLOCK);
    } catch (error) {
      return this.#absent(error);
    }
  }

  /** Opens (and makes) the directory step by step from the root, so that no step can be a link. */
  #openDirectory(parts: readonly string[]): { child(name: string): string; close(): void } {
    let path = this.root;
    let fd = this.#step(path, this.root);
    let shown = this.root;
    for (const part of parts) {
      shown = `${shown}/${part}`;
      const next = `${LINUX ? `/proc/self/fd/${fd}` : path}/${part}`;
      try {
        const opened = this.#step(next, shown);
        closeSync(fd);
        fd = opened;
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      path = shown;
    }
    const prefix = LINUX ? `/proc/self/fd/${fd}` : path;
    return { child: (name) => `${prefix}/${name}`, close: () => closeSync(fd) };
  }

  #step(path: string, shown: string): number {
    const flags = c.O_RDONLY | c.O_DIRECTORY | c.O_NOFOLLOW;
    try {
      return openSync(path, flags);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw converted(error, shown);
      if (shown === this.root) throw new SandboxLostError(`the directory ${this.root} is gone`, { cause: error });
    }
    try {
      mkdirSync(path, 0o755);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw converted(error, shown);
    }
    const fd = openSync(path, flags);
    if (this.#owner) fchownSync(fd, this.#owner.uid, this.#owner.gid);
    return fd;
  }

  #checkNamed(path: string): void {
    if (!this.#owns(path) || path.includes('\0')) throw new PathError(`${path} is not below ${this.root}`);
  }

  #owns(path: string): boolean {
    return path === this.root || path.startsWith(`${this.root}/`);
  }

  /** undefined for an error that means "not there". @throws any other one, converted. */
  #absent(error: unknown): undefined {
    if (error instanceof PathError) throw error;
    switch (errorCode(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
        if (!isDirectory(this.root)) throw new SandboxLostError(`the directory ${this.root} is gone`, { cause: error });
        return undefined;
      case 'ELOOP':
        throw new PathError('a symbolic link leads back to itself', { cause: error });
      default:
        throw error;
    }
  }
}

function converted(error: unknown, path: string): unknown {
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return storageFull('local', error);
    case 'ENOTDIR':
    case 'ELOOP':
      return new PathError(`${path} runs through a symbolic link or something that is not a directory`, { cause: error });
    case 'EISDIR':
      return new PathError(`${path} is a directory`, { cause: error });
    default:
      return error;
  }
}

function isDirectory(path: string): boolean {
  let stats: Stats | undefined;
  try {
    stats = lstatSync(path);
  } catch {
    return false;
  }
  return stats.isDirectory();
}
