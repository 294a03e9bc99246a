/** A process of an installation whose parts run apart: an operator, a gateway. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

const root = join(import.meta.dirname, '../..');

export type LogLine = { time: string; level: string; message: string } & Record<string, unknown>;

/** A process of the system, as far as it can be seen from outside. */
export class SystemProcess {
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #said = '';
  /** How it ended. */
  #over: string | undefined;

  constructor(script: string, cwd: string, env: Record<string, string>) {
    const args = ['--disable-warning=ExperimentalWarning', join(root, script)];
    this.#child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const gather = (chunk: Buffer) => {
      this.#said += chunk.toString();
    };
    this.#child.stdout?.on('data', gather);
    this.#child.stderr?.on('data', gather);
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (code, by) => {
        this.#over = by ?? String(code);
        resolve(this.#over);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** All that it wrote. */
  get said(): string {
    return this.#said;
  }

  get lines(): LogLine[] {
    return this.#said.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []));
  }

  /** Waits until it has logged this message. @throws with all it said when it ends before */
  async logs(message: string): Promise<LogLine> {
    return this.#waitFor(`"${message}"`, () => this.lines.find((line) => line.message === message));
  }

  /** Waits until it has said what matches, and resolves with the first group. @throws as `logs` */
  async says(pattern: RegExp): Promise<string> {
    return this.#waitFor(String(pattern), () => pattern.exec(this.#said)?.[1]);
  }

  async #waitFor<T>(what: string, look: () => T | undefined): Promise<T> {
    const found = await eventually(what, () => {
      const value = look();
      return value === undefined ? this.#over !== undefined && {} : { value };
    });
    if ('value' in found) return found.value;
    throw new Error(`the process ended with ${this.#over}\n${this.#said}`);
  }

  /** Ends it as Kubernetes does, and resolves with its exit code and how long it took, in milliseconds. */
  async stop(): Promise<{ code: string; ms: number }> {
    const began = performance.now();
    this.#child.kill('SIGTERM');
    const code = await this.ended;
    return { code, ms: performance.now() - began };
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
  }
}
