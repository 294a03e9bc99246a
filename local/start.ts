/** The whole system in one process: embedded Kubernetes API, operator, gateway. Built here and nowhere else. */
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { createGateway } from '../api-gateway/gateway.ts';
import { FolderBlobStore } from '../operator/engine/folder-blobs.ts';
import { SqliteEventLog } from '../operator/engine/sqlite-log.ts';
import { HttpKubeClient } from '../operator/kube/http-client.ts';
import { environmentObjects } from '../operator/llm/environment.ts';
import { describeError, type Logger } from '../operator/logger.ts';
import { Operator } from '../operator/operator.ts';
import { RepositoryCache } from '../operator/sandbox/git/cache.ts';
import { credentialFromSettings } from '../operator/sandbox/git/credentials.ts';
import { Publisher } from '../operator/sandbox/git/publish.ts';
import type { IsolationMethod } from '../operator/sandbox/local/isolation.ts';
import { LocalTransport } from '../operator/sandbox/local/transport.ts';
import type { Settings } from '../operator/settings.ts';
import { StateFolder } from '../operator/state-folder.ts';
import { startEmbeddedApi } from './api/server.ts';
import { defaultAuthor } from './default-author.ts';
import { applyEnvironmentProfiles } from './environment-profiles.ts';

export type LocalSystem = {
  url: string;
  kubeconfigPath: string;
  /** Whether a model is configured by the environment. */
  hasModel: boolean;
  /** What the user should know. */
  problems: readonly string[];
  operator: Operator;
  /** Ends running commands, records them as interrupted and closes everything, within 3 s. */
  stop(): Promise<void>;
};

/** Sessions that work at the same time; more wait in Queued. */
const MAX_RUNNING = 200;
const MAX_COMMAND_SECONDS = 3600;
const STOP_MS = 2_000;

const root = join(import.meta.dirname, '..');

export type LocalOptions = {
  /** How commands are isolated; the best way that works here when left out. */
  isolation?: 'auto' | IsolationMethod;
};

/** @throws StateFolderError, and the gateway's error when the port is in use; nothing is left running then */
export async function startLocal(settings: Settings, logger: Logger, options: LocalOptions = {}): Promise<LocalSystem> {
  const stack = new AsyncDisposableStack();
  try {
    return await build(settings, logger, options, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function build(
  settings: Settings,
  logger: Logger,
  { isolation = 'auto' }: LocalOptions,
  stack: AsyncDisposableStack,
): Promise<LocalSystem> {
  const folder = stack.adopt(StateFolder.open(settings.stateFolder), (state) => state.close());
  await mkdir(settings.workspace, { recursive: true });
  const user = userInfo().username;
  const log = stack.adopt(new SqliteEventLog({ path: folder.file('events.db'), exclusive: true }), (one) => one.close());
  const blobs = await FolderBlobStore.open(folder.file('blobs'));
  const api = stack.adopt(
    await startEmbeddedApi({
      stateDir: folder.file('kubernetes'),
      kubeconfigPath: folder.file('kubeconfig'),
      crds: ['agentsession', 'aiprofile'].map((name) => join(root, 'operator/api', `${name}.gen.json`)),
      user,
      prepare: { AgentSession: defaultAuthor(user) },
      onError: (error) => logger.error('the embedded Kubernetes API failed', { error: describeError(error) }),
    }),
    (one) => one.close(),
  );
  const closing = new AbortController();
  stack.defer(() => closing.abort(new Error('the system stops')));
  const client = new HttpKubeClient({
    baseUrl: api.url,
    ca: api.caPem,
    headers: async () => ({ authorization: `Bearer ${api.token}` }),
    signal: closing.signal,
  });
  const { namespace, model, git } = settings;
  const environment = environmentObjects(
    {
      openaiApiKey: model.openaiApiKey?.reveal(),
      openaiBaseUrl: model.openaiBaseUrl,
      googleApiKey: model.googleApiKey?.reveal(),
      modelName: model.name,
    },
    { namespace, today: new Date().toISOString().slice(0, 10) },
  );
  await applyEnvironmentProfiles(client, namespace, environment);

  const transport = new LocalTransport({
    workspaceDir: settings.workspace,
    isolation,
    hidden: [folder.path, join(process.cwd(), '.env')],
    hostEnvironment: settings.system,
    home: homedir(),
  });
  const repositories = new RepositoryCache({ dir: folder.file('git'), allowLocal: true, environment: settings.system });
  // What a process that died had lent or left half made.
  await repositories.prune();
  const operator = new Operator({
    client,
    log,
    blobs,
    transport: (type) => (type === 'local' ? transport : undefined),
    defaultSandboxType: 'local',
    repositories,
    publisher: new Publisher(repositories),
    identity: { name: git.username, email: git.email },
    defaultCredential: credentialFromSettings({
      ...(git.token ? { token: git.token.reveal() } : {}),
      hosts: git.tokenHosts.join(','),
    }),
    logger,
    holder: `${user}-${process.pid}-${randomUUID().slice(0, 8)}`,
    now: Date.now,
    random: Math.random,
    maxCommandSeconds: MAX_COMMAND_SECONDS,
    maxRunning: MAX_RUNNING,
  });
  const { auth } = settings.api;
  const gateway = createGateway({
    kube: client,
    log,
    blobs,
    auth: settings.api.auth === 'token' ? { mode: 'token', token: settings.api.token.reveal() } : { mode: 'none' },
    author: () => user,
    namespace,
    metrics: new Registry(),
    now: Date.now,
    logger,
    allowLocalRepositories: true,
    allowedHosts: settings.allowedHosts,
    refusal: (connection) => transport.refusal(connection),
  });
  const server = stack.adopt(await gateway.listen(settings.host, settings.port), (one) => one.close());
  stack.defer(() => operator.stop(STOP_MS));
  await operator.start();
  logger.debug('started', { auth });
  return {
    url: server.url,
    kubeconfigPath: api.kubeconfigPath,
    hasModel: environment.profiles.length > 0,
    problems: environment.problems,
    operator,
    stop: () => stack.disposeAsync(),
  };
}
