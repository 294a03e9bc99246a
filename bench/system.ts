/** The system under test in a process and a folder of its own, driven through REST as a user would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IsolationMethod } from '../operator/sandbox/local/isolation.ts';
import { Child } from './child.ts';
import { now } from './clock.ts';
import { killLeft, processTree, type TreeProcess } from './process-tree.ts';
import type { Measured } from './system-main.ts';
import { goalOf, type Workload } from './workload.ts';

const root = join(import.meta.dirname, '..');
const START_MS = 20_000;
const STOP_MS = 15_000;
const POLL_MS = 25;

export type SystemOptions = {
  /** Where its state and its workspace go. */
  folder: string;
  /** Address of the model. */
  baseUrl: string;
  /** Further settings. */
  env?: NodeJS.ProcessEnv;
};

/** What a user starts: `node local/main.ts`. */
export function startProduct(options: SystemOptions): Promise<System> {
  const began = now();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'local/main.ts')], {
    cwd: options.folder,
    env: environment(options),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return System.ready(child, undefined, began);
}

/** The same with a choice of isolation, and with measurements from within. */
export function startMeasured(options: SystemOptions & { isolation: IsolationMethod }): Promise<System> {
  const began = now();
  const child = new Child(join(import.meta.dirname, 'system-main.ts'), {
    args: [options.isolation],
    cwd: options.folder,
    env: environment(options),
  });
  return System.ready(child.process, child, began);
}

function environment({ folder, baseUrl, env }: SystemOptions): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PORT: '0',
    LOG_LEVEL: 'error',
    SWE_AGENT_STATE_DIR: join(folder, 'state'),
    SWE_AGENT_WORKSPACE: join(folder, 'workspace'),
    OPENAI_API_KEY: 'none',
    OPENAI_BASE_URL: baseUrl,
    MODEL_NAME: 'scripted',
    ...env,
  };
}

export class System implements AsyncDisposable {
  readonly url: string;
  /** From the start of the process to its word that it is ready, in milliseconds. */
  readonly readyMs: number;
  readonly #process: ChildProcess;
  readonly #child: Child | undefined;

  private constructor(process: ChildProcess, child: Child | undefined, url: string, readyMs: number) {
    this.#process = process;
    this.#child = child;
    this.url = url;
    this.readyMs = readyMs;
  }

  /** @throws when it does not say in time that it is ready; it has been ended then */
  static async ready(child: ChildProcess, calls: Child | undefined, began: number): Promise<System> {
    const found = Promise.withResolvers<string>();
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const url = /ready on (http:\/\/\S+)/.exec(text)?.[1];
      if (url !== undefined) found.resolve(url);
    });
    child.once('exit', (code) => found.reject(new Error(`the system ended with code ${code}\n${text}`)));
    const timer = setTimeout(() => found.reject(new Error(`the system was not ready within ${START_MS} ms\n${text}`)), START_MS);
    try {
      const url = await found.promise;
      return new System(child, calls, url, now() - began);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get processes(): TreeProcess[] {
    return processTree(this.pid);
  }

  /** What it measured in itself since the last time. */
  measure(): Promise<Measured> {
    if (!this.#child) throw new Error('only startMeasured gives measurements from within');
    return this.#child.call<Measured>('measure');
  }

  /** @returns the session's id, and when the request was sent and answered */
  async post(repository: string, workload: Workload, mode: 'auto' | 'review' = 'auto'): Promise<Posted> {
    const limits = { max_steps: 10_000 };
    const body = JSON.stringify({ goal: goalOf(workload), repo_url: repository, mode, limits });
    const sentAt = now();
    const answer = await this.#send<{ session_id: string }>('/agent/sessions', body);
    return { id: answer.session_id, sentAt, answeredAt: now() };
  }

  async status(id: string): Promise<string> {
    return (await this.#send<{ status: string }>(`/agent/sessions/${id}`)).status;
  }

  /** Waits for the status. @throws with the log when another end comes first, or the time is over */
  async until(id: string, status: string, timeoutMs: number): Promise<void> {
    const deadline = now() + timeoutMs;
    for (;;) {
      const session = await this.#send<{ status: string; logs: string[] }>(`/agent/sessions/${id}`);
      if (session.status === status) return;
      if (now() > deadline || ['FAILED', 'CANCELLED', 'PAUSED', 'COMPLETED'].includes(session.status))
        throw new Error(`session ${id} is ${session.status}, not ${status}\n${session.logs.slice(-12).join('\n')}`);
      await sleep(POLL_MS);
    }
  }

  /** A request that opens the connection, so that the first one that is measured need not. */
  async touch(): Promise<void> {
    await this.#send('/healthz');
  }

  /** As a crash would end it: what runs in sandboxes goes on. */
  async kill(): Promise<void> {
    if (this.#ended) return;
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
  }

  /** Stops it, and ends what it may have left behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { processes } = this;
    if (!this.#ended) {
      const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
      this.#process.kill('SIGTERM');
      await once(this.#process, 'exit');
      clearTimeout(timer);
    }
    killLeft(processes);
  }

  get #ended(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async #send<T>(path: string, body?: string): Promise<T> {
    const request = { method: 'POST', headers: { 'content-type': 'application/json' } };
    const response = await fetch(`${this.url}${path}`, {
      ...(body !== undefined && { ...request, body }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    // Only its own server answers here.
    return JSON.parse(text) as T;
  }
}

export type Posted = { id: string; sentAt: number; answeredAt: number };
