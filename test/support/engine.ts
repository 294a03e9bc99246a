/** The engine over real adapters in a temporary folder, with a scripted model and no Kubernetes: objects are handed in. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type AgentSession, API_VERSION } from '../../operator/api/resources.ts';
import type { AgentSessionSpec } from '../../operator/api/types.gen.ts';
import { FolderBlobStore } from '../../operator/engine/folder-blobs.ts';
import type { EventLog } from '../../operator/engine/log.ts';
import type { EngineDeps } from '../../operator/engine/ports.ts';
import { SessionRunner } from '../../operator/engine/runner.ts';
import { SqliteEventLog } from '../../operator/engine/sqlite-log.ts';
import type { SessionState } from '../../operator/engine/state.ts';
import { ModelProviders } from '../../operator/llm/profiles.ts';
import type { Logger } from '../../operator/logger.ts';
import { RepositoryCache } from '../../operator/sandbox/git/cache.ts';
import { Publisher } from '../../operator/sandbox/git/publish.ts';
import { LocalTransport } from '../../operator/sandbox/local/transport.ts';
import { PATIENCE_MS, patience } from './eventually.ts';

export type Engine = {
  folder: string;
  deps: EngineDeps;
  runner: SessionRunner;
  /** Hands a session to the engine; called again with a changed spec it has a new generation. */
  apply(name: string, spec: AgentSessionSpec): AgentSession;
  /** Resolves once the session's state meets the condition. @throws with the log when it does not in time */
  until(name: string, met: (state: SessionState) => boolean, ms?: number): Promise<SessionState>;
  /** Ends the engine; commands end unless they are left. */
  stop(): Promise<void>;
  /** Stops and removes everything. */
  [Symbol.asyncDispose](): Promise<void>;
};

export type EngineOptions = {
  baseUrl: string;
  folder?: string;
  isolation?: 'auto' | 'bubblewrap' | 'user' | 'none';
  /** Puts something between engine and log. */
  wrapLog?: (log: EventLog) => EventLog;
  exclusive?: boolean;
  /** Identifies the engine in claims; one of each process when left out. */
  holder?: string;
  /** Puts others in the place of the engine's real parts. */
  replace?: (deps: EngineDeps) => Partial<EngineDeps>;
};

export const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function startEngine(options: EngineOptions): Promise<Engine> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'swe-engine-'));
  mkdirSync(folder, { recursive: true });
  const path = (name: string) => join(folder, name);
  const stored = new SqliteEventLog({ path: path('events.db'), exclusive: options.exclusive ?? true });
  const providers = new ModelProviders();
  const repositories = new RepositoryCache({ dir: path('git'), allowLocal: true });
  const transport = new LocalTransport({
    workspaceDir: path('workspace'),
    isolation: options.isolation ?? 'none',
    hidden: [path('events.db')],
    hostEnvironment: { PATH: process.env.PATH },
    home: process.env.HOME ?? '/',
  });
  const profile = { provider: 'openai-compatible' as const, model: 'scripted', baseUrl: options.baseUrl };
  const real: EngineDeps = {
    log: options.wrapLog?.(stored) ?? stored,
    blobs: await FolderBlobStore.open(path('blobs')),
    transport: (type) => (type === 'local' ? transport : undefined),
    defaultSandboxType: 'local',
    repositories,
    publisher: new Publisher(repositories),
    identity: { name: 'swe-agent', email: 'bot@example.com' },
    credential: async () => undefined,
    models: {
      chain: () => ['scripted'],
      bind: async () => ({ profile: 'scripted', ...providers.providerFor(profile, undefined, { version: '1' }) }),
    },
    logger: quiet,
    holder: options.holder ?? `test-${process.pid}`,
    now: Date.now,
    random: Math.random,
    maxCommandSeconds: 600,
  };
  const deps: EngineDeps = { ...real, ...options.replace?.(real) };
  const runner = new SessionRunner(deps);
  const generations = new Map<string, number>();
  const waiting = new Set<() => void>();
  runner.onChange(() => {
    for (const check of waiting) check();
  });
  const stop = async () => {
    await runner.close(patience());
    providers.close();
    await stored.close();
  };
  const sessions = new Set<string>();
  return {
    folder,
    deps,
    runner,
    apply(name, spec) {
      const generation = (generations.get(name) ?? 0) + 1;
      generations.set(name, generation);
      sessions.add(name);
      const session: AgentSession = {
        apiVersion: API_VERSION,
        kind: 'AgentSession',
        metadata: { name, namespace: 'default', uid: `uid-${name}`, generation },
        spec,
      };
      runner.ensure(session);
      return session;
    },
    until(name, met, ms = PATIENCE_MS) {
      const { promise, resolve, reject } = Promise.withResolvers<SessionState>();
      const check = () => {
        const view = runner.view(`uid-${name}`);
        if (view && met(view.state)) resolve(view.state);
      };
      const timer = setTimeout(() => {
        const view = runner.view(`uid-${name}`);
        reject(new Error(`${name} is ${view?.state.phase} (${view?.waiting?.message})\n${view?.state.recentLogs.join('\n')}`));
      }, ms);
      waiting.add(check);
      check();
      return promise.finally(() => {
        clearTimeout(timer);
        waiting.delete(check);
      });
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      for (const name of sessions) {
        await transport.dispose({ uid: `uid-${name}`, name, namespace: 'default' }, patience());
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A git repository with one commit. */
export function makeRepository(folder: string, files: Record<string, string>): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  git(folder, 'init', '-q', '-b', 'main');
  git(folder, 'add', '-A');
  git(folder, 'commit', '-q', '-m', 'Begin');
  return folder;
}

/** Runs git as a test's own user, apart from the machine's configuration. */
export function git(folder: string, ...args: string[]): string {
  const identity = {
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.com',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.com',
  };
  const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', ...identity };
  return execFileSync('git', args, { cwd: folder, env, encoding: 'utf8' });
}
