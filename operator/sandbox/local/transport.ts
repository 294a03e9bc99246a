/** Sandboxes that are folders on this machine, each `<workspaceDir>/<session name>`. */
import { randomUUID } from 'node:crypto';
import { chownSync, closeSync, constants, mkdirSync, realpathSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Gate } from '../../gate.ts';
import { KeyedLock } from '../../keyed-lock.ts';
import {
  type Isolation,
  type SandboxHandle,
  type SandboxOwner,
  type SandboxSpec,
  type SandboxTransport,
  SandboxUnavailableError,
} from '../transport.ts';
import { commandEnvironment } from './environment.ts';
import { LocalHandle } from './handle.ts';
import type { IsolationMethod, SandboxPlace } from './isolation.ts';
import { Isolators } from './isolators.ts';
import { type Connection, Peers } from './peers.ts';
import { awaitGone } from './processes.ts';
import { occupied, Records, type SandboxRecord } from './records.ts';
import { removeTree } from './remove.ts';
import { removeFilesOf } from './second-user.ts';
import { Tree } from './tree.ts';

export type LocalTransportOptions = {
  /** Parent of the sessions' folders; made when it is not there. */
  workspaceDir: string;
  /** auto takes the best that works; anything else is taken or refused. */
  isolation: 'auto' | IsolationMethod;
  /** Files and directories that commands must not see: the state folder, `.env`. Absolute paths. */
  hidden: readonly string[];
  /** The operator's environment, of which commands get a few harmless variables. */
  hostEnvironment: Readonly<Record<string, string | undefined>>;
  /** The operator's home directory. */
  home: string;
  /** Numbers for the sandboxes' users, where they have some; nobody else on the machine may have them. Default 52000–59999. */
  users?: { first: number; count: number };
  /** The shell that runs the runner; default /bin/sh. */
  shell?: readonly string[];
  /** Name or path of bubblewrap; default bwrap. */
  bubblewrap?: string;
  /** A runner that nobody listens to and that runs no command ends after two of these; default 60. */
  tickSeconds?: number;
};

/** For what nobody else knows of yet, and so nobody holds for long. */
const TRIAL_MS = 30_000;
const FOLDERS = ['repo', '.run', 'home', 'tmp'];

export class LocalTransport implements SandboxTransport {
  readonly type = 'local';
  readonly starts = new Gate(2 * availableParallelism());
  readonly checkpoints = new Gate(1);
  readonly #options: LocalTransportOptions;
  readonly #locks = new KeyedLock();
  /** How often a folder's processes were ended; what was handed out before an end must not start them again. */
  readonly #stops = new Map<string, number>();
  #opened: { records: Records; isolators: Isolators; peers: Peers } | undefined;

  constructor(options: LocalTransportOptions) {
    this.#options = options;
  }

  async provision(owner: SandboxOwner, spec: SandboxSpec, signal: AbortSignal): Promise<SandboxHandle> {
    signal.throwIfAborted();
    const name = folderName(owner);
    return this.#locks.hold(name, signal, async () => {
      const { records } = this.#open();
      let record = records.read(name);
      if (record && (record.owner.uid !== owner.uid || records.folderState(record) === 'absent')) {
        // A name is only used again after its object is gone: what was there belongs to nobody any more.
        await this.#remove(record);
        record = undefined;
      }
      if (record && records.folderState(record) === 'foreign') throw occupied(records.root(name));
      if (!record && records.exists(name)) throw occupied(records.root(name));
      return this.#handle(record ?? (await this.#create(owner, name)), spec);
    });
  }

  async find(owner: SandboxOwner, spec: SandboxSpec, signal: AbortSignal): Promise<SandboxHandle | undefined> {
    signal.throwIfAborted();
    const { records } = this.#open();
    const record = records.read(folderName(owner));
    if (record?.owner.uid !== owner.uid || records.folderState(record) !== 'ours') return undefined;
    return this.#handle(record, spec);
  }

  async dispose(owner: SandboxOwner, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const name = folderName(owner);
    await this.#locks.hold(name, signal, async () => {
      const record = this.#open().records.read(name);
      if (record?.owner.uid === owner.uid) await this.#remove(record);
    });
  }

  async quiesce(owner: SandboxOwner, signal: AbortSignal, { graceMs = 1000 }: { graceMs?: number } = {}): Promise<void> {
    signal.throwIfAborted();
    const name = folderName(owner);
    await this.#locks.hold(name, signal, async () => {
      const { records } = this.#open();
      const record = records.read(name);
      if (record?.owner.uid !== owner.uid || records.folderState(record) !== 'ours') return;
      this.#stops.set(name, this.#stopsOf(name) + 1);
      const runner = records.readRunner(name);
      const place = this.#place(record);
      if (runner) {
        // The runner ends the commands, so that each is recorded as ended by the platform, and then itself.
        tell(place, 'Q TERM');
        if (!(await awaitGone([runner], graceMs))) tell(place, 'Q KILL');
        await awaitGone([runner], Math.min(graceMs, 700));
      }
      await this.#endProcesses(record, place);
    });
  }

  async listOrphans(known: ReadonlySet<string>, signal: AbortSignal): Promise<SandboxOwner[]> {
    signal.throwIfAborted();
    return this.#open()
      .records.list()
      .flatMap(({ owner }) => (known.has(owner.uid) ? [] : [owner]));
  }

  /** How commands of a new session are isolated here, found out with a sandbox that is gone again afterwards. @throws SandboxUnavailableError */
  async isolation(signal = AbortSignal.timeout(TRIAL_MS)): Promise<Isolation> {
    // Nobody knows its owner: left behind by a crash, it is an orphan like any other.
    const uid = randomUUID();
    const name = `isolation-trial-${uid}`;
    return this.#locks.hold(name, signal, async () => {
      const record = await this.#create({ uid, name, namespace: 'default' }, name);
      try {
        return this.#open().isolators.of(record.method).isolation;
      } finally {
        await this.#remove(record);
      }
    });
  }

  /**
   * Why a connection to a server of this machine is not to be served: because a command of a sandbox opened it, or
   * because that cannot be ruled out. In words for whoever opened it; undefined when all is well.
   */
  refusal(connection: Connection): Promise<string | undefined> {
    return this.#open().peers.refusal(connection);
  }

  /** Opens the workspace when it is first needed, and removes what a crash left half made or half removed. */
  #open(): { records: Records; isolators: Isolators; peers: Peers } {
    if (this.#opened) return this.#opened;
    mkdirSync(this.#options.workspaceDir, { recursive: true });
    const workspaceDir = realpathSync(this.#options.workspaceDir);
    const records = new Records(workspaceDir);
    for (const path of records.leftovers()) void removeTree(path).catch(() => {});
    const isolators = new Isolators(this.#options, workspaceDir);
    const peers = new Peers({ occupants: () => records.occupants(), users: isolators.users });
    this.#opened = { records, isolators, peers };
    return this.#opened;
  }

  async #create(owner: SandboxOwner, name: string): Promise<SandboxRecord> {
    const { records, isolators } = this.#open();
    const problems: string[] = [];
    for (const method of isolators.candidates) {
      const user = isolators.hasUser(method) ? isolators.freeUser(records.list()) : undefined;
      const unnumbered = isolators.hasUser(method) && !user;
      const known = isolators.knownProblem(method) ?? (unnumbered ? 'no free user number is left' : undefined);
      if (known) {
        problems.push(known);
        continue;
      }
      const record = records.create({ owner, sandboxUid: randomUUID(), name, method, ...(user ? { user } : {}) }, (folder) => {
        for (const part of FOLDERS) {
          mkdirSync(join(folder, part), { mode: 0o700 });
          if (user) chownSync(join(folder, part), user.uid, user.gid);
        }
        if (user) chownSync(folder, user.uid, user.gid);
      });
      const problem = await isolators.problem(method, this.#place(record));
      if (!problem) return record;
      problems.push(problem);
      await this.#remove(record);
    }
    throw unavailable(`no isolation that was asked for works: ${problems.join('; ')}`);
  }

  async #handle(record: SandboxRecord, spec: SandboxSpec): Promise<SandboxHandle> {
    const { records, isolators } = this.#open();
    const { hostEnvironment, home, shell, tickSeconds } = this.#options;
    const place = this.#place(record);
    const stops = this.#stopsOf(record.name);
    return new LocalHandle({
      record,
      records,
      place,
      isolator: await isolators.forExisting(record.method, place),
      env: commandEnvironment(hostEnvironment, home, { root: place.root, uid: record.sandboxUid }, spec),
      shell: shell ?? ['/bin/sh'],
      tickSeconds: tickSeconds ?? 60,
      stopped: () => this.#stopsOf(record.name) !== stops,
      exclusive: (signal, work) => this.#locks.hold(record.name, signal, work),
    });
  }

  async #remove(record: SandboxRecord): Promise<void> {
    const { records } = this.#open();
    const place = this.#place(record);
    await this.#endProcesses(record, place);
    const trash = records.discard(record);
    if (trash) await removeTree(trash);
    if (record.user) await removeFilesOf(record.user.uid);
  }

  async #endProcesses(record: SandboxRecord, place: SandboxPlace): Promise<void> {
    const { records, isolators } = this.#open();
    if (await isolators.of(record.method).endProcesses(place, records.readRunner(record.name))) {
      records.forgetRunner(record.name);
      return;
    }
    throw unavailable(`some processes of the sandbox in ${place.root} cannot be ended`);
  }

  #stopsOf(name: string): number {
    return this.#stops.get(name) ?? 0;
  }

  #place(record: SandboxRecord): SandboxPlace {
    const { records } = this.#open();
    return {
      root: records.root(record.name),
      marker: records.marker(record.name),
      sandboxUid: record.sandboxUid,
      ...(record.user ? { user: record.user } : {}),
    };
  }
}

/** `_` cannot be in a Kubernetes name, so that no two sessions share a folder. */
function folderName({ name, namespace }: SandboxOwner): string {
  for (const part of [name, namespace]) {
    if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(part)) {
      throw new SandboxUnavailableError('InvalidName', `${JSON.stringify(part)} cannot be part of a folder's name`, {
        permanent: true,
      });
    }
  }
  return namespace === 'default' ? name : `${namespace}_${name}`;
}

/** Tells the runner something, if one is there to listen. */
function tell(place: SandboxPlace, line: string): void {
  const fd = new Tree(place.root).openFifo(`${place.root}/.run/in.1`, constants.O_WRONLY);
  if (fd === undefined) return;
  try {
    writeSync(fd, `\n${line}\n`);
  } catch {
    // It does not read: the caller ends it otherwise.
  } finally {
    closeSync(fd);
  }
}

function unavailable(message: string): SandboxUnavailableError {
  return new SandboxUnavailableError('IsolationUnavailable', message, { permanent: false });
}
