/**
 * The whole system as a user has it: `local/main.ts` in a process of its own, reached through REST and kubectl only, in a
 * temporary folder with a scripted model. It can be killed and started again; what it leaves behind is an error.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, PATIENCE_MS, patience } from './eventually.ts';
import { type FixtureFile, makeRepository } from './git-repository.ts';
import { type Kubectl, kubectl } from './kubectl.ts';
import { type ModelServer, type ModelServerOptions, type SeenRequest, startModelServer } from './model-server.ts';
import { endProcess, processesNaming, type SeenProcess } from './processes.ts';
import { ScriptedSessions } from './scripted-sessions.ts';

export type SystemOptions = {
  /** Settings beside those every test has; undefined takes one away. */
  env?: Record<string, string | undefined>;
  /** The file .env in the working directory. */
  envFile?: string;
  model?: ModelServerOptions;
  /** Sent with every request to REST. */
  headers?: Record<string, string>;
  /** Makes what the system needs in its folder before it starts, and says what settings that gives. */
  prepare?: (folder: string) => Promise<Record<string, string>>;
};

export type RestSession = {
  id: string;
  status: string;
  phase: string;
  reason: string | null;
  message: string | null;
  logs: string[];
  steps: number;
  iteration: number;
  plan: null | { revision: number; title: string; approved: boolean; steps: { id: string; status: string }[] };
  question: null | { id: string; text: string };
  activity: null | { summary: string };
  result: null | {
    summary: string;
    branch: string;
    commit: string;
    pushed: boolean;
    verified: boolean;
    files_changed: number;
    evidence: { command: string; exit_code: number; tree: string }[];
  };
  conditions: { type: string; status: string; reason: string; message: string }[];
};

export type RestAnswer<T> = { status: number; body: T; text: string };

/** What a REST error tells. */
export type RestProblem = { title: string; detail?: string; errors?: { field: string; message: string }[] };

const root = join(import.meta.dirname, '../..');
/** How often the system is looked at while something is waited for: each look takes it some milliseconds of its work. */
const LOOK_MS = 25;
export const AUTHOR = { name: 'Grace Bot', email: 'grace@example.com' };

export class System implements AsyncDisposable {
  /** Everything that the system touches lies in it. */
  readonly folder: string;
  readonly model: ScriptedSessions;
  readonly kubectl: Kubectl;
  readonly #options: SystemOptions;
  readonly #server: ModelServer;
  #child: ChildProcess | undefined;
  #output = '';
  #url = '';

  private constructor(folder: string, options: SystemOptions, server: ModelServer, model: ScriptedSessions) {
    this.folder = folder;
    this.#options = options;
    this.#server = server;
    this.model = model;
    this.kubectl = kubectl(this.path('state/kubeconfig'), this.path('kubectl'));
  }

  static async start(options: SystemOptions = {}): Promise<System> {
    const system = await System.prepare(options);
    try {
      await system.start();
      return system;
    } catch (error) {
      await system[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Everything but the process. */
  static async prepare(options: SystemOptions = {}): Promise<System> {
    const folder = mkdtempSync(join(tmpdir(), 'swe-e2e-'));
    // As a project's folder usually is: others may enter it, and what is private in it is private itself.
    chmodSync(folder, 0o755);
    for (const name of ['home', 'tmp']) mkdirSync(join(folder, name));
    if (options.envFile !== undefined) writeFileSync(join(folder, '.env'), options.envFile, { mode: 0o600 });
    const model = new ScriptedSessions();
    const server = await startModelServer((request) => model.answer(request), options.model);
    try {
      const env = { ...options.env, ...(await options.prepare?.(folder)) };
      return new System(folder, { ...options, env }, server, model);
    } catch (error) {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get url(): string {
    return this.#url;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get modelUrl(): string {
    return this.#server.baseUrl;
  }

  /** What the operator asked models to see whether they work, oldest first. */
  get probes(): readonly SeenRequest[] {
    return this.#server.probes;
  }

  /** What the process has written to its terminal since it was started. */
  get output(): string {
    return this.#output;
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  get environment(): Record<string, string> {
    const all: Record<string, string | undefined> = {
      PATH: process.env.PATH,
      HOME: this.path('home'),
      TMPDIR: this.path('tmp'),
      HOST: '127.0.0.1',
      PORT: '0',
      SWE_AGENT_IN_CONTAINER: 'false',
      SWE_AGENT_STATE_DIR: this.path('state'),
      SWE_AGENT_WORKSPACE: this.path('workspace'),
      OPENAI_API_KEY: 'scripted-stand-in',
      OPENAI_BASE_URL: this.modelUrl,
      MODEL_NAME: 'scripted-stand-in',
      GIT_USERNAME: AUTHOR.name,
      GIT_EMAIL: AUTHOR.email,
      ...this.#options.env,
    };
    return Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  }

  /** Starts the process and waits until it says where it is. @throws with what it said when it ends instead */
  async start(): Promise<void> {
    const { child, ended, said } = launch(this.folder, this.environment);
    this.#child = child;
    const gather = () => {
      this.#output = said();
    };
    child.stdout?.on('data', gather);
    child.stderr?.on('data', gather);
    const over = ended.then((code) => {
      throw new Error(`the system ended with ${code}\n${said()}`);
    });
    over.catch(() => undefined);
    const ready = eventually('the system to be ready', () => /ready on (http:\/\/\S+)/.exec(said())?.[1]);
    ready.catch(() => undefined);
    this.#url = await Promise.race([ready, over]);
  }

  /** A second process on the same folder; resolves when it has ended. */
  async startAnother(changes: Record<string, string> = {}): Promise<{ code: string; said: string }> {
    const { child, ended, said } = launch(this.folder, { ...this.environment, ...changes });
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    const code = await ended.finally(() => clearTimeout(timer));
    return { code, said: said() };
  }

  /** As a crash ends it. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** As Ctrl-C ends it. @throws when it does not end cleanly within the time that it gives itself */
  async stop(signal: 'SIGINT' | 'SIGTERM' = 'SIGINT'): Promise<void> {
    const code = await this.#end(signal);
    if (code !== '0') throw new Error(`the system ended with ${code}\n${this.output}`);
  }

  async #end(signal: NodeJS.Signals): Promise<string> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the system does not run\n${this.output}`);
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    child.kill(signal);
    const code = await new Promise<string>((resolve) => child.once('exit', (code, by) => resolve(by ?? String(code))));
    clearTimeout(timer);
    return code;
  }

  /** A git repository in the folder; a README alone when nothing else is said. */
  async repository(name: string, files: Record<string, FixtureFile> = { 'README.md': 'Greets.\n' }): Promise<string> {
    const dir = this.path('repositories', name);
    mkdirSync(this.path('repositories'), { recursive: true });
    await makeRepository(dir, Object.keys(files).length > 0 ? [{ files }] : []);
    return dir;
  }

  async request<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<RestAnswer<T>> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...this.#options.headers, ...headers },
      signal: patience(),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') && text !== '';
    return { status: response.status, body: (json ? JSON.parse(text) : undefined) as T, text };
  }

  /** POST of an action of a session, which must succeed. */
  async act(id: string, action: string, body: unknown = {}): Promise<void> {
    const { status, text } = await this.request('POST', `/agent/sessions/${id}/${action}`, body);
    if (status >= 300) throw new Error(`${action} was answered ${status}: ${text}`);
  }

  /** Starts a session through REST and returns its id. */
  async session(goal: string, repository: string, more: Record<string, unknown> = {}): Promise<string> {
    const request = { goal, repo_url: repository, ...more };
    const { status, body, text } = await this.request<{ session_id: string }>('POST', '/agent/sessions', request);
    if (status !== 201) throw new Error(`no session was started: ${status} ${text}`);
    return body.session_id;
  }

  async view(id: string): Promise<RestSession> {
    const { status, body, text } = await this.request<RestSession>('GET', `/agent/sessions/${id}`);
    if (status !== 200) throw new Error(`session ${id}: ${status} ${text}`);
    return body;
  }

  /** Waits until the session is what is asked for. @throws with its log when it is not in time */
  async until(id: string, what: string, met: (session: RestSession) => boolean, ms = PATIENCE_MS): Promise<RestSession> {
    let last: RestSession | undefined;
    try {
      return await eventually(
        what,
        async () => {
          last = await this.view(id);
          return met(last) ? last : undefined;
        },
        ms,
        LOOK_MS,
      );
    } catch (error) {
      const told = last ? `${last.status} (${last.reason}: ${last.message})\n${last.logs.join('\n')}` : 'never seen';
      throw new Error(`still waiting for ${what}; the session is ${told}\n--- the system said\n${this.output}`, { cause: error });
    }
  }

  /** Waits until the session has come to rest, and says how. */
  async end(id: string, ms?: number): Promise<RestSession> {
    return this.until(id, 'the session to end', ({ status }) => !['QUEUED', 'RUNNING'].includes(status), ms);
  }

  /** Waits until the session completed. */
  async completed(id: string, ms?: number): Promise<RestSession & { result: NonNullable<RestSession['result']> }> {
    const { result, ...session } = await this.until(id, 'the session to complete', ({ status }) => status === 'COMPLETED', ms);
    if (!result) throw new Error(`the session ${id} completed without a result`);
    return { ...session, result };
  }

  /** Waits until `kubectl describe` of the session shows the text: Events are written after what they tell of. */
  async described(id: string, text: RegExp): Promise<string> {
    let shown = '';
    try {
      return await eventually(`kubectl describe to show ${text}`, async () => {
        shown = (await this.kubectl(['describe', 'ags', id])).out;
        return text.test(shown) ? shown : undefined;
      });
    } catch (error) {
      throw new Error(`kubectl describe did not show ${text} but\n${shown}`, { cause: error });
    }
  }

  /** Waits until the operator has taken account of every profile that there is, and of every deletion before. */
  async profilesChecked(): Promise<void> {
    const { code, err } = await this.kubectl(['wait', 'aip', '--all', '--for=condition=CredentialsResolved', '--timeout=150s']);
    if (code !== 0) throw new Error(`the profiles were not checked: ${err}`);
  }

  /** Processes that belong to the system and its sandboxes, but for the system itself. */
  processes(): SeenProcess[] {
    return processesNaming(this.folder).filter(({ pid }) => pid !== this.#child?.pid);
  }

  /** Deletes all sessions and waits until nothing of them is left: no process, no folder. For tests that share a system. */
  async clear(): Promise<void> {
    const { body } = await this.request<{ items: { id: string }[] }>('GET', '/agent/sessions');
    for (const { id } of body.items) await this.request('DELETE', `/agent/sessions/${id}`);
    const none = async () => (await this.request<{ items: unknown[] }>('GET', '/agent/sessions')).body.items.length === 0;
    await eventually('all sessions to be gone', none, PATIENCE_MS, LOOK_MS);
    await this.#nothingLeft(() => [
      ...this.processes().map(({ pid, command }) => `process ${pid}: ${command}`),
      ...list(this.path('workspace')).filter((name) => !name.endsWith('.sandboxes')),
      ...list(this.path('workspace/.sandboxes')),
      ...list(this.path('state/blobs')).filter((name) => !name.endsWith('.partial')),
      ...list(this.path('state/git/snapshots')),
      ...list(this.path('state/git/scratch')),
      ...list(this.path('tmp')),
    ]);
  }

  async #nothingLeft(look: () => string[]): Promise<void> {
    let left: string[] = [];
    try {
      const looked = () => {
        left = look();
        return left.length === 0;
      };
      await eventually('nothing to be left', looked, PATIENCE_MS, LOOK_MS);
    } catch (error) {
      throw new Error(`left behind:\n${left.join('\n')}`, { cause: error });
    }
  }

  /** Stops the system and removes its folder. @throws when processes or temporary files were left behind */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      const runs = this.#child && this.#child.exitCode === null && this.#child.signalCode === null;
      const code = runs ? await this.#end('SIGINT') : '0';
      // On a machine that has no time for it a stop takes longer than it may, and leaves commands. Only tests of it mind.
      if (code === '1') {
        await eventually('a stop that was late', () => this.output.includes('did not stop in time'), 5_000);
        return;
      }
      if (code !== '0') throw new Error(`the system ended with ${code}\n${this.output}`);
      await this.#nothingLeft(() => [
        ...this.processes().map(({ pid, command }) => `process ${pid}: ${command}`),
        ...list(this.path('tmp')),
      ]);
    } finally {
      await this.#server.close();
      for (const { pid } of this.processes()) endProcess(pid);
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
    }
  }
}

/** An environment that has nothing of the test's own. */
function launch(cwd: string, env: Record<string, string>): { child: ChildProcess; ended: Promise<string>; said: () => string } {
  const child = spawn('sh', [join(root, 'scripts/node'), join(root, 'local/main.ts')], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const ended = new Promise<string>((resolve) => child.once('close', (code, signal) => resolve(signal ?? String(code))));
  return { child, ended, said: () => said };
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}
