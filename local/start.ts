/** The whole system in one process: embedded Kubernetes API, operator, gateway. Built here and nowhere else. */
import { randomUUID } from 'node:crypto';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Gauge, Registry } from 'prom-client';
import { createGateway } from '../api-gateway/gateway.ts';
import type { BlobStore } from '../operator/engine/blob.ts';
import { FolderBlobStore } from '../operator/engine/folder-blobs.ts';
import type { EventLog } from '../operator/engine/log.ts';
import { RedisBlobStore } from '../operator/engine/redis-blobs.ts';
import { RedisEventLog } from '../operator/engine/redis-log.ts';
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
import type { Isolation } from '../operator/sandbox/transport.ts';
import type { Settings } from '../operator/settings.ts';
import { StateFolder } from '../operator/state-folder.ts';
import { makeUsable } from '../operator/usable-folder.ts';
import { startEmbeddedApi } from './api/server.ts';
import { defaultAuthor } from './default-author.ts';
import { applyEnvironmentProfiles } from './environment-profiles.ts';

export type LocalSystem = {
  url: string;
  kubeconfigPath: string;
  /** Whether there is a model to begin with: one from the environment, or an AIProfile of an earlier time. */
  hasModel: boolean;
  /** What the user should know. */
  problems: readonly string[];
  /** How commands of new sessions are kept from what is the operator's. */
  isolation(): Promise<Isolation>;
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

/** @throws FolderError for the state folder and the workspace, and ListenError when the port is in use; nothing is left running then */
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
  makeUsable(settings.workspace, { what: 'workspace', variable: 'SWE_AGENT_WORKSPACE' });
  const user = userInfo().username;
  const metrics = new Registry();
  const { log, blobs } = await openStores(settings, folder, logger, metrics, stack);
  const api = stack.adopt(
    await startEmbeddedApi({
      stateDir: folder.file('kubernetes'),
      kubeconfigPath: folder.file('kubeconfig'),
      crds: ['agentsession', 'aiprofile'].map((name) => join(root, 'operator/api', `${name}.gen.json`)),
      user,
      namespace: settings.namespace,
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
    metrics,
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
    hasModel: operator.caches.profiles.list(namespace).length > 0,
    problems: environment.problems,
    isolation: () => transport.isolation(),
    operator,
    stop: () => stack.disposeAsync(),
  };
}

/** Log and blobs: in the state folder, or in Redis, which need not be reached for the start. */
async function openStores(
  { redis, blobStore }: Settings,
  folder: StateFolder,
  logger: Logger,
  metrics: Registry,
  stack: AsyncDisposableStack,
): Promise<{ log: EventLog; blobs: BlobStore }> {
  const options = redis && { address: redis.address, prefix: redis.keyPrefix, logger };
  const blobs =
    options && blobStore === 'redis'
      ? stack.adopt(await RedisBlobStore.open(options), (one) => one.close())
      : await FolderBlobStore.open(folder.file('blobs'));
  if (!options) {
    return {
      log: stack.adopt(new SqliteEventLog({ path: folder.file('events.db'), exclusive: true }), (one) => one.close()),
      blobs,
    };
  }
  const log = stack.adopt(await RedisEventLog.open(options), (one) => one.close());
  new Gauge({
    name: 'swe_agent_event_log_risks',
    help: 'Settings of Redis that put events at risk; 0 as well while it was not reached.',
    registers: [metrics],
    collect() {
      this.set(log.findings.length);
    },
  });
  return { log, blobs };
}
