/**
 * Isolation by bubblewrap: the whole file system read-only, the session's folder writable, and what belongs to the user
 * or the operator not there at all. Its own process ids, so that nothing outside can be seen or signalled and the end of
 * the first process is the end of all. Never --die-with-parent: commands outlive a crashed operator.
 *
 * An operator that is root has bubblewrap make the place, and the runner then becomes a user of the session's own: what
 * only root may read or write stays root's, and whatever a command does in the network carries that user's number.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, lstatSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import { errorCode } from '../../error-code.ts';
import type { Isolation } from '../transport.ts';
import type { Isolator, RunnerStart, SandboxPlace } from './isolation.ts';
import { awaitGone, killAll, MARK, type MarkedProcesses, type ProcessId, signal } from './processes.ts';

/** Under the home directory, read-only: compilers, runtimes and their package caches. Credentials among them are masked. */
const TOOLCHAINS = [
  '.asdf',
  '.bun',
  '.cargo/bin',
  '.cargo/env',
  '.deno/bin',
  '.fnm',
  '.ghcup',
  '.juliaup',
  '.local/bin',
  '.local/lib',
  '.local/pipx',
  '.local/share/fnm',
  '.local/share/mise',
  '.local/share/pipx',
  '.local/share/pnpm',
  '.local/share/uv',
  '.nodenv',
  '.nvm',
  '.pyenv',
  '.rbenv',
  '.rustup',
  '.sdkman',
  '.swiftly',
  '.volta',
  'anaconda3',
  'go/bin',
  'mambaforge',
  'miniconda3',
  'miniforge3',
];

const CREDENTIALS = ['.local/share/uv/credentials'];

/** What is only root's business, should its permissions on this machine be laxer than usual. */
const ROOT_ONLY = [
  '/etc/shadow',
  '/etc/shadow-',
  '/etc/gshadow',
  '/etc/gshadow-',
  '/etc/sudoers',
  '/etc/sudoers.d',
  '/etc/ssh',
  '/etc/ssl/private',
  '/etc/kubernetes',
  '/var/lib/docker',
  '/var/lib/kubelet',
  '/var/spool/cron',
];

/** From util-linux. Looked for at fixed places: it runs with the right to become any user, and a session may set PATH. */
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv', '/usr/local/bin/setpriv', '/run/current-system/sw/bin/setpriv'];

/**
 * Settings of the whole machine that uid 0 may write without any capability. bubblewrap covers some of them by itself,
 * but not /proc/sys, whose directory is not writable while its files are.
 */
const MACHINE_SETTINGS = ['/proc/sys', '/proc/sysrq-trigger', '/proc/mtrr', '/proc/scsi', '/proc/acpi'];

export type BubblewrapOptions = {
  /** The program, a name or a path. */
  program: string;
  /** The operator's home directory. */
  home: string;
  /** PATH of the commands: directories on it stay visible. */
  path: string;
  /** Parent of all sessions' folders. */
  workspaceDir: string;
  /** Files and directories that commands must not see. */
  hidden: readonly string[];
};

export class BubblewrapIsolator implements Isolator {
  readonly isolation: Isolation = {
    isolated: true,
    method: 'bubblewrap',
    message: `Commands run under bubblewrap${isRoot() ? ' as a user of their own' : ''}: they can write only to the session's folder, and see neither home directories nor other sessions, processes or the operator's files. The network is shared with this machine, but this API refuses their connections.`,
  };
  readonly #options: BubblewrapOptions;
  readonly #marked: MarkedProcesses;

  constructor(options: BubblewrapOptions, marked: MarkedProcesses) {
    this.#options = options;
    this.#marked = marked;
  }

  /** Why it does not work here; undefined when it does. */
  async problem(place: SandboxPlace): Promise<string | undefined> {
    if (place.user && !isRoot()) return 'the sandbox was made by root and has a user of its own; start as root again';
    if (place.user && !setpriv()) return 'bubblewrap started by root needs setpriv to give up its rights; install util-linux';
    const entered = ['/bin/sh', '-c', 'cd -- "$0"', place.root];
    const args = [...this.#mounts(place), '--', ...become(place, entered, {})];
    try {
      await promisify(execFile)(this.#options.program, args, { env: { PATH: this.#options.path }, timeout: 10_000 });
      return undefined;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return 'bubblewrap (bwrap) is not installed; install it with the package manager';
      const said = typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : String(error);
      return `bubblewrap does not work here (${said.trim().split('\n')[0]?.slice(0, 200)}); let it use user namespaces, which a kernel setting, AppArmor or a container may forbid`;
    }
  }

  start(place: SandboxPlace, shell: readonly string[], env: Readonly<Record<string, string>>): RunnerStart {
    // What makes the place runs outside or as root: a session's LD_PRELOAD must reach only what runs inside, as its user.
    const variables = place.user ? [] : Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]);
    const args = ['--info-fd', '3', ...this.#mounts(place), ...variables, '--', ...become(place, shell, env)];
    return { file: this.#options.program, args, env: { PATH: this.#options.path, [MARK]: place.sandboxUid }, infoFd: true };
  }

  async endProcesses(place: SandboxPlace, runner: ProcessId | undefined): Promise<boolean> {
    if (runner) {
      // The first process of the namespace: the kernel ends the others with it.
      if (await awaitGone([runner], 0)) return true;
      signal(runner.pid, 'SIGKILL');
      if (await awaitGone([runner], 2000)) return true;
    }
    return killAll(() => this.#marked.find(place.sandboxUid), 2000);
  }

  #mounts(place: SandboxPlace): string[] {
    const { home, workspaceDir, hidden, path } = this.#options;
    const empty = unique(['/run', '/var/run', '/home', '/root', home, workspaceDir].flatMap(realDirectory)).filter(
      (dir) => dir !== '/',
    );
    const kept = [...TOOLCHAINS.map((name) => `${home}/${name}`), ...path.split(':').flatMap(toolDirectory), '/etc/resolv.conf']
      .flatMap(real)
      .filter((path) => empty.some((dir) => path.startsWith(`${dir}/`)));
    const masked = unique(
      [...hidden, ...CREDENTIALS.map((name) => `${home}/${name}`), ...(isRoot() ? ROOT_ONLY : [])].flatMap(real),
    );
    const temporary = ['/tmp', '/var/tmp'].flatMap(realDirectory);
    // What bubblewrap makes by itself on the way to a place is open to nobody but its maker.
    const ways = [...kept, place.root].flatMap((path) => directoriesAbove(path, [...empty, ...temporary]));
    return [
      // The runner is the first process itself: no command can kill it, and when it ends everything ends with it.
      ...['--unshare-pid', '--as-pid-1', '--unshare-ipc', '--cap-drop', 'ALL'],
      ...(place.user ? ['--cap-add', 'CAP_SETUID', '--cap-add', 'CAP_SETGID'] : []),
      ...['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc'],
      ...(place.user ? ['--perms', '1777', '--tmpfs', '/dev/shm'] : []),
      ...MACHINE_SETTINGS.flatMap((path) => ['--ro-bind-try', path, path]),
      ...temporary.flatMap((dir) => ['--bind', `${place.root}/tmp`, dir]),
      ...empty.flatMap((dir) => ['--tmpfs', dir]),
      ...unique(ways).flatMap((path) => ['--dir', path]),
      ...unique(kept).flatMap((path) => ['--ro-bind', path, path]),
      ...masked.flatMap((path) => (isDirectory(path) ? ['--tmpfs', path] : ['--ro-bind', '/dev/null', path])),
      ...['--bind', place.root, place.root, '--ro-bind', place.marker, place.marker],
      // Emptied places are for nobody to fill: what is written there would be kept in memory.
      ...[...empty, ...masked.filter(isDirectory)].flatMap((path) => ['--remount-ro', path]),
      ...['--chdir', '/'],
    ];
  }
}

/** The program with its arguments, run as the session's user where it has one. From then on nobody can gain a right. */
function become(place: SandboxPlace, shell: readonly string[], env: Readonly<Record<string, string>>): string[] {
  const { user } = place;
  if (!user) return [...shell];
  // These numbers are the isolation: they must never be root's or a person's.
  if (user.uid < 1000 || user.gid < 1000) throw new Error(`${user.uid}:${user.gid} cannot be the user of a sandbox`);
  const rights = ['--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups', '--inh-caps=-all'];
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return [setpriv() ?? 'setpriv', ...rights, '--', '/usr/bin/env', '--', ...variables, ...shell];
}

function setpriv(): string | undefined {
  return SETPRIV.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The directories between one of `roots` and the path, outermost first. */
function directoriesAbove(path: string, roots: readonly string[]): string[] {
  const above: string[] = [];
  for (let dir = dirname(path); dir !== '/' && !roots.includes(dir); dir = dirname(dir)) above.unshift(dir);
  return roots.some((root) => path.startsWith(`${root}/`)) ? above : [];
}

/** A directory of PATH, and with `bin` the `lib` and the like beside it, unless that is all of a home directory. */
function toolDirectory(path: string): string[] {
  if (!path.startsWith('/')) return [];
  const parent = dirname(path);
  const depth = parent.split('/').length - 1;
  return basename(path) === 'bin' && depth > 3 ? [parent] : [path];
}

function real(path: string): string[] {
  try {
    return [realpathSync(path)];
  } catch {
    return [];
  }
}

function realDirectory(path: string): string[] {
  try {
    // A link (/var/run) leads to a directory that is named itself.
    return lstatSync(path).isSymbolicLink() ? real(path).filter(isDirectory) : isDirectory(path) ? real(path) : [];
  } catch {
    return [];
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function unique(paths: readonly string[]): string[] {
  return [...new Set(paths)];
}
