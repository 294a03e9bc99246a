/** A process of the benchmark's own, with calls over IPC. It ends when its parent does. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

type Wire = { id?: number; name: string; value?: unknown; error?: string };

const CALL_MS = 30_000;
const STOP_MS = 5_000;

/** The parent's side. Both sides are files of this folder, so what comes is trusted to have the type that is asked for. */
export class Child {
  readonly process: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #listeners = new Map<string, Set<(value: unknown) => void>>();
  #lastId = 0;

  constructor(script: string, options: { args?: readonly string[]; env?: NodeJS.ProcessEnv; cwd?: string } = {}) {
    this.process = fork(script, options.args ?? [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      ...(options.env && { env: options.env }),
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    });
    this.process.on('message', (text) => this.#receive(String(text)));
    this.process.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${script} ended (${signal ?? code})`));
      this.#waiting.clear();
    });
  }

  /** Calls what the child serves under the name. */
  async call<T>(name: string, value?: unknown): Promise<T> {
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    const timer = setTimeout(() => answer.reject(new Error(`no answer to ${name}`)), CALL_MS);
    this.process.send(JSON.stringify({ id, name, value } satisfies Wire));
    try {
      return (await answer.promise) as T;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Hears what the child tells under the name. */
  listen<T>(name: string, listener: (value: T) => void): Disposable {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    const heard = (value: unknown) => listener(value as T);
    listeners.add(heard);
    return { [Symbol.dispose]: () => void listeners.delete(heard) };
  }

  /** The next thing that is told under the name. @throws when nothing comes in time, or the child ends */
  async next<T>(name: string, timeoutMs: number, wanted: (value: T) => boolean = () => true): Promise<T> {
    const found = Promise.withResolvers<T>();
    using _listening = this.listen<T>(name, (value) => {
      if (wanted(value)) found.resolve(value);
    });
    const ended = () => found.reject(new Error(`the process ended while "${name}" was waited for`));
    this.process.once('exit', ended);
    const timer = setTimeout(() => found.reject(new Error(`no "${name}" within ${timeoutMs} ms`)), timeoutMs);
    try {
      return await found.promise;
    } finally {
      clearTimeout(timer);
      this.process.off('exit', ended);
    }
  }

  /** Asks it to end, and ends it when it does not. */
  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS);
    this.process.kill('SIGTERM');
    await once(this.process, 'exit');
    clearTimeout(timer);
  }

  #receive(text: string): void {
    const { id, name, value, error }: Wire = JSON.parse(text);
    if (id === undefined) {
      for (const listener of this.#listeners.get(name) ?? []) listener(value);
    } else if (error === undefined) this.#waiting.get(id)?.resolve(value);
    else this.#waiting.get(id)?.reject(new Error(`${name}: ${error}`));
  }
}

/** The child's side: answers the parent's calls. @param orphaned what to do when the parent is gone */
export function serve(handlers: Record<string, (value: never) => unknown>, orphaned: () => void = () => process.exit(0)): void {
  process.on('message', (text) => {
    const { id, name, value }: Wire & { value: never } = JSON.parse(String(text));
    Promise.try(() => handlers[name]?.(value)).then(
      (result) => process.send?.(JSON.stringify({ id, name, value: result })),
      (error: unknown) => process.send?.(JSON.stringify({ id, name, error: String(error) })),
    );
  });
  process.once('disconnect', orphaned);
}

/** The child's side: tells the parent. */
export function tell(name: string, value: unknown): void {
  process.send?.(JSON.stringify({ name, value } satisfies Wire));
}
