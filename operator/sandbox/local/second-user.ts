/**
 * Isolation by a user of the session's own, for an operator that is root where bubblewrap does not work (a container):
 * file permissions keep it from the operator's and other sessions' files, and /proc from their environments.
 */
import { execFile } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Isolation } from '../transport.ts';
import type { Isolator, RunnerStart, SandboxPlace } from './isolation.ts';
import { killAll, type ProcessId, processes } from './processes.ts';
import type { FileOwner } from './tree.ts';

/** Directories where every user may leave files. */
const SHARED = ['/tmp', '/var/tmp', '/dev/shm'];

export class SecondUserIsolator implements Isolator {
  readonly isolation: Isolation = {
    isolated: true,
    method: 'user',
    message:
      "Commands run as a user of their own that can read neither the operator's files, environment and processes nor other sessions' files. They can read what every user of this machine can, and the network is shared with it, but this API refuses their connections.",
  };
  readonly #hidden: readonly string[];

  /** @param hidden files and directories that commands must not be able to read. */
  constructor(hidden: readonly string[]) {
    this.#hidden = hidden;
  }

  start(place: SandboxPlace, shell: readonly string[], env: Readonly<Record<string, string>>): RunnerStart {
    const [file = '/bin/sh', ...args] = shell;
    return { file, args, env, user: owner(place) };
  }

  /** Why this user would not be kept out, or could not work; undefined when all is well. */
  async problem(place: SandboxPlace): Promise<string | undefined> {
    const script = 'cd -- "$0" || exit 1; for path; do if [ -r "$path" ]; then printf "%s" "$path"; exit 2; fi; done';
    try {
      await promisify(execFile)('/bin/sh', ['-c', script, place.root, ...this.#hidden], {
        ...owner(place),
        timeout: 10_000,
        env: {},
      });
      return undefined;
    } catch (error) {
      if (typeof error === 'object' && error !== null && 'stdout' in error && 'code' in error && error.code === 2)
        return `every user of this machine can read ${error.stdout}; make it readable by its owner only (chmod go-rwx)`;
      return `a user without rights cannot enter ${place.root}; move the workspace or open the folders above it (chmod o+x)`;
    }
  }

  async endProcesses(place: SandboxPlace, _runner: ProcessId | undefined): Promise<boolean> {
    const user = owner(place);
    const find = async (): Promise<number[]> => processes().filter((pid) => userOf(pid) === user.uid);
    if ((await find()).length === 0) return true;
    // The kernel reaches all of a user's processes in one go, also those that fork faster than a list can be read.
    await promisify(execFile)('/bin/sh', ['-c', '[ "$(id -u)" = "$0" ] && kill -9 -1', String(user.uid)], {
      ...user,
      timeout: 10_000,
      env: { PATH: '/usr/bin:/bin' },
    }).catch(() => undefined);
    return killAll(find, 2000);
  }
}

/** Removes what a user left in the directories that all users share: the number will be somebody else's. */
export async function removeFilesOf(uid: number): Promise<void> {
  for (const directory of SHARED) {
    for (const name of list(directory)) {
      const path = `${directory}/${name}`;
      if (lstatSync(path, { throwIfNoEntry: false })?.uid === uid) await rm(path, { recursive: true, force: true });
    }
  }
}

function owner(place: SandboxPlace): FileOwner {
  if (!place.user) throw new Error(`the sandbox in ${place.root} was made without a user of its own`);
  // These rights are the whole isolation, and ending a user's processes must never mean root's or our own.
  if (place.user.uid < 1000 || place.user.uid === process.getuid?.()) {
    throw new Error(`${place.user.uid} cannot be the user of a sandbox`);
  }
  return place.user;
}

/** Users under which something runs. */
export function runningUsers(): Set<number> {
  return new Set(processes().flatMap((pid) => userOf(pid) ?? []));
}

function userOf(pid: number): number | undefined {
  try {
    return Number(/^Uid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
  } catch {
    return undefined;
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
