/** The whole system in one process: embedded Kubernetes API, operator, gateway. Built here and nowhere else. */
import { randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { createGateway } from '../api-gateway/gateway.ts';
import type { ConnectionCheck } from '../api-gateway/http/callers.ts';
import { proxiesOf } from '../api-gateway/http/proxy-user.ts';
import { applyEnvironmentProfiles } from '../operator/environment-profiles.ts';
import { installationOf } from '../operator/installation.ts';
import { HttpKubeClient } from '../operator/kube/http-client.ts';
import type { RequestSeen } from '../operator/kube/http-transport.ts';
import { describeError, type Logger } from '../operator/logger.ts';
import { kubernetesMetrics } from '../operator/metrics/kubernetes-metrics.ts';
import { OperatorMetrics } from '../operator/metrics/operator-metrics.ts';
import { measureProcess } from '../operator/metrics/process-metrics.ts';
import { Operator } from '../operator/operator.ts';
import { RepositoryCache } from '../operator/sandbox/git/cache.ts';
import { credentialFromSettings } from '../operator/sandbox/git/credentials.ts';
import { Publisher } from '../operator/sandbox/git/publish.ts';
import type { IsolationMethod } from '../operator/sandbox/local/isolation.ts';
import type { Isolation, SandboxTransport } from '../operator/sandbox/transport.ts';
import type { Settings } from '../operator/settings.ts';
import { StateFolder } from '../operator/state-folder.ts';
import { openStores } from '../operator/stores.ts';
import { makeUsable } from '../operator/usable-folder.ts';
import { userName } from '../operator/user-name.ts';
import { startEmbeddedApi } from './api/server.ts';
import { defaultAuthor } from './default-author.ts';

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
  /** Ends running commands on this machine, records them as interrupted and closes everything, within 3 s. */
  stop(): Promise<void>;
};

const MAX_COMMAND_SECONDS = 3600;
const STOP_MS = 2_000;

const root = join(import.meta.dirname, '..');

export type LocalOptions = {
  /** How commands are isolated; the best way that works here when left out. */
  isolation?: 'auto' | IsolationMethod;
};

/**
 * @throws FolderError for the state folder and the workspace, ListenError when the port is in use, and ClusterAccessError when
 * sandboxes are Pods and no cluster is configured; nothing is left running then
 */
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
  const { namespace = 'default', git } = settings;
  const user = userName(settings.system.USER);
  const metrics = new Registry();
  stack.defer(measureProcess(metrics));
  const onRequest = kubernetesMetrics(metrics);
  const closing = new AbortController();
  const sandboxes = await openSandboxes(settings, isolation, folder, logger, { signal: closing.signal, onRequest });
  const { log, blobs } = await openStores({ settings, logger, metrics, stack }, folder);
  const api = stack.adopt(
    await startEmbeddedApi({
      stateDir: folder.file('kubernetes'),
      kubeconfigPath: folder.file('kubeconfig'),
      crds: ['agentsession', 'aiprofile'].map((name) => join(root, 'operator/api', `${name}.gen.json`)),
      user,
      namespace,
      prepare: { AgentSession: defaultAuthor(user) },
      onError: (error) => logger.error('the embedded Kubernetes API failed', { error: describeError(error) }),
    }),
    (one) => one.close(),
  );
  stack.defer(() => closing.abort(new Error('the system stops')));
  const headers = async () => ({ authorization: `Bearer ${api.token}` });
  const client = new HttpKubeClient({ baseUrl: api.url, ca: api.caPem, headers, signal: closing.signal }, { onRequest });
  const problems = await applyEnvironmentProfiles(client, namespace, settings);
  const repositories = new RepositoryCache({ dir: folder.file('git'), allowLocal: true, environment: settings.system });
  // What a process that died had lent or left half made.
  await repositories.prune();
  const operator = new Operator({
    client,
    log,
    blobs,
    transport: (type) => sandboxes.kinds.find((kind) => kind.type === type),
    defaultSandboxType: sandboxes.kinds[0].type,
    swept: sandboxes.swept,
    proxy: settings.system,
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
    releaseAfter: settings.releaseAfter,
    maxRunning: settings.maxRunning,
    probeIntervalMs: settings.model.probeIntervalMs,
    metrics: new OperatorMetrics(metrics),
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
    about: { sandboxTypes: sandboxes.kinds.map(({ type }) => type), kubeconfig: api.kubeconfigPath },
    ...proxiesOf(settings),
    page: join(root, 'ui/dist'),
    ...(sandboxes.refusal && { refusal: sandboxes.refusal }),
  });
  const server = stack.adopt(await gateway.listen(settings.host, settings.port), (one) => one.close());
  stack.defer(() => operator.stop(STOP_MS));
  await operator.start();
  logger.debug('started', { auth });
  return {
    url: server.url,
    kubeconfigPath: api.kubeconfigPath,
    hasModel: operator.caches.profiles.list(namespace).length > 0,
    problems,
    isolation: sandboxes.isolation,
    operator,
    stop: () => stack.disposeAsync(),
  };
}

type Sandboxes = {
  /** The first is that of sessions that name none. */
  kinds: readonly [SandboxTransport, ...SandboxTransport[]];
  /** Those whose sandboxes are not on this machine. */
  swept: readonly SandboxTransport[];
  /** Why a connection comes from a command of a session; not asked where commands are not on this machine. */
  refusal?: ConnectionCheck;
  isolation(): Promise<Isolation>;
};

/** The kind that SANDBOX_TYPE names, and Daytona's where there is a key; others are not loaded. */
async function openSandboxes(
  settings: Settings,
  localIsolation: LocalOptions['isolation'] & string,
  folder: StateFolder,
  logger: Logger,
  { signal, onRequest }: { signal: AbortSignal; onRequest: (seen: RequestSeen) => void },
): Promise<Sandboxes> {
  const elsewhere: SandboxTransport[] = [];
  if (settings.daytona) {
    const { daytonaSandboxes } = await import('../operator/daytona.ts');
    const transport = daytonaSandboxes(settings.daytona, installationOf(folder));
    if (settings.sandbox.type === 'daytona') {
      const message = 'Commands run in sandboxes at Daytona.';
      return { kinds: [transport], swept: [transport], isolation: async () => ({ isolated: true, method: 'daytona', message }) };
    }
    elsewhere.push(transport);
  }
  if (settings.sandbox.type === 'local') {
    makeUsable(settings.workspace, { what: 'workspace', variable: 'SWE_AGENT_WORKSPACE' });
    const { LocalTransport } = await import('../operator/sandbox/local/transport.ts');
    const transport = new LocalTransport({
      workspaceDir: settings.workspace,
      isolation: localIsolation,
      hidden: [folder.path, join(process.cwd(), '.env')],
      hostEnvironment: settings.system,
      home: homedir(),
    });
    const refusal: ConnectionCheck = (connection) => transport.refusal(connection);
    return { kinds: [transport, ...elsewhere], swept: elsewhere, refusal, isolation: () => transport.isolation() };
  }
  if (settings.sandbox.type !== 'k8s') throw new TypeError('the settings ask for sandboxes at Daytona and have no key for them');
  const { pods } = settings.sandbox;
  const { findCluster, podSandboxes } = await import('../operator/cluster.ts');
  const { refuseOwnKubeconfig } = await import('../operator/kube/cluster-access.ts');
  refuseOwnKubeconfig(settings.cluster.kubeconfig, folder.file('kubeconfig'));
  const cluster = await findCluster(settings, 'swe-agent', signal, onRequest);
  const { namespace } = cluster;
  logger.info(`commands run in Pods of the namespace ${namespace}, reached through ${cluster.access.source}`);
  const transport = podSandboxes(cluster, pods, {
    placement: { kind: 'namespace', namespace },
    installation: pods.installation ?? installationOf(folder),
    logger,
  });
  const message = `Commands run in Pods of the namespace ${namespace}.`;
  const isolation = async () => ({ isolated: true, method: 'pod', message });
  return { kinds: [transport, ...elsewhere], swept: [transport, ...elsewhere], isolation };
}
