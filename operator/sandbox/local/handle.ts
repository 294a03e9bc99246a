/** One local sandbox: its folder, and its runner, which is found again or started. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { pause, withDeadline } from '../deadline.ts';
import { RUNNER_SCRIPT } from '../protocol.ts';
import { storageFull } from '../storage-full.ts';
import {
  type Channel,
  type Isolation,
  type SandboxHandle,
  type SandboxIdentity,
  SandboxLostError,
  SandboxUnavailableError,
} from '../transport.ts';
import { FifoChannel } from './fifo-channel.ts';
import type { Isolator, SandboxPlace } from './isolation.ts';
import { identify, isAlive, type ProcessId, signal as sendSignal } from './processes.ts';
import type { Records, SandboxRecord } from './records.ts';
import { Tree } from './tree.ts';

const START_MS = 15_000;
/** How long a runner that is there may not answer before it is replaced, and with it all that runs in the sandbox. */
const SILENCE_MS = 8000;

export type LocalHandleOptions = {
  record: SandboxRecord;
  records: Records;
  place: SandboxPlace;
  isolator: Isolator;
  /** The environment of commands. */
  env: Readonly<Record<string, string>>;
  /** The POSIX shell that runs the runner: program and leading arguments. */
  shell: readonly string[];
  tickSeconds: number;
  /** Whether the sandbox was stopped after this handle was given out. */
  stopped(): boolean;
  /** Runs one at a time per folder, so that two openings do not start two runners. */
  exclusive<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
};

export class LocalHandle implements SandboxHandle {
  readonly identity: SandboxIdentity;
  readonly isolation: Isolation;
  readonly root: string;
  readonly #options: LocalHandleOptions;
  readonly #tree: Tree;

  constructor(options: LocalHandleOptions) {
    this.#options = options;
    this.identity = { type: 'local', name: options.record.name, uid: options.record.sandboxUid };
    this.isolation = options.isolator.isolation;
    this.root = options.place.root;
    this.#tree = new Tree(this.root, options.place.user);
  }

  open(signal: AbortSignal): Promise<Channel> {
    return this.#options.exclusive(signal, () => this.#open(signal));
  }

  put(path: string, bytes: Uint8Array, options: { mode?: number; signal: AbortSignal }): Promise<void> {
    return this.#tree.put(path, bytes, options);
  }

  get(path: string, range: { offset: number; length: number; signal: AbortSignal }): Promise<Uint8Array | undefined> {
    return this.#tree.get(path, range);
  }

  async stat(path: string): Promise<{ type: 'file' | 'directory' | 'other'; size: number; mode: number } | undefined> {
    return this.#tree.stat(path);
  }

  async #open(signal: AbortSignal): Promise<Channel> {
    const { records, record, isolator, place } = this.#options;
    signal.throwIfAborted();
    const known = records.read(record.name);
    if (known?.sandboxUid !== record.sandboxUid || records.folderState(record) !== 'ours') {
      throw new SandboxLostError(`the directory ${this.root} is gone`);
    }
    if (this.#options.stopped()) {
      throw new SandboxUnavailableError('Stopping', 'the sandbox was stopped; find it anew to use it again', {
        permanent: false,
      });
    }
    const deadline = performance.now() + SILENCE_MS;
    for (let delay = 10; ; delay = Math.min(delay * 2, 500)) {
      const found = await this.#connect(signal);
      if (found) return found;
      const runner = records.readRunner(record.name);
      if (!runner || !isAlive(runner)) break;
      // It is just starting or ending, or another operator was faster. One that stays silent is of no use to anybody.
      if (performance.now() > deadline) {
        await isolator.endProcesses(place, runner);
        break;
      }
      await pause(delay, signal);
    }
    await this.#start(signal);
    const channel = await this.#connect(signal);
    if (!channel)
      throw new SandboxUnavailableError('RunnerFailed', 'the sandbox was started and does not answer', { permanent: false });
    return channel;
  }

  #connect(signal: AbortSignal): Promise<FifoChannel | undefined> {
    return FifoChannel.connect(this.#tree, randomBytes(8).toString('hex'), signal);
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { records, record, isolator, place, env, shell, tickSeconds } = this.#options;
    const start = isolator.start(place, [...shell, '-c', RUNNER_SCRIPT, 'swe-agent-runner', this.root, String(tickSeconds)], env);
    const child = spawn(start.file, start.args, {
      cwd: '/',
      env: start.env,
      // In a session of its own: a Ctrl-C meant for the operator is not for what runs in the sandboxes.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', start.infoFd ? 'pipe' : 'ignore'],
      ...start.user,
    });
    try {
      const pid = await withDeadline(started(child, start.infoFd ?? false), {
        signal,
        ms: START_MS,
        late: () => new SandboxUnavailableError('RunnerFailed', 'the sandbox did not start in time', { permanent: false }),
      });
      const runner: ProcessId | undefined = identify(pid);
      if (runner) records.writeRunner(record.name, runner);
      child.unref();
    } catch (error) {
      if (child.pid) sendSignal(-child.pid, 'SIGKILL');
      throw error;
    } finally {
      for (const stream of child.stdio) stream?.destroy();
    }
  }
}

/** Waits until the runner says that it is ready. @returns the process whose end is the end of the sandbox. */
async function started(child: ChildProcess, infoFd: boolean): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const texts = ['', '', '', ''];
  const look = (): void => {
    const pid = infoFd ? Number(/"child-pid"\s*:\s*(\d+)/.exec(texts[3] ?? '')?.[1]) : child.pid;
    if (texts[1]?.includes('ready\n') && pid) resolve(pid);
  };
  for (const [fd, stream] of child.stdio.entries()) {
    if (!stream || !('setEncoding' in stream)) continue;
    stream.setEncoding('utf8');
    stream.on('error', () => {});
    stream.on('data', (text: string) => {
      texts[fd] = `${texts[fd] ?? ''}${text}`.slice(-4096);
      look();
    });
  }
  const failed = (cause: unknown): void => {
    const said = texts[2]?.trim() || String(cause);
    if (/No space left/.test(said)) reject(storageFull('local', cause));
    else
      reject(
        new SandboxUnavailableError('RunnerFailed', `the sandbox could not be started: ${said}`, { permanent: false, cause }),
      );
  };
  child.once('error', failed);
  child.once('close', (status) => failed(`it ended with status ${status}`));
  return promise;
}
