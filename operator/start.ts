/** The operator of a cluster, put together from the settings; with a gateway in the same process where they say so. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { sleep } from './clock.ts';
import { type Cluster, findCluster, podSandboxes } from './cluster.ts';
import { applyEnvironmentProfiles } from './environment-profiles.ts';
import { backoffMs } from './kube/backoff.ts';
import { serverWarnings } from './kube/server-warnings.ts';
import { describeError, type Logger } from './logger.ts';
import { kubernetesMetrics } from './metrics/kubernetes-metrics.ts';
import { OperatorMetrics } from './metrics/operator-metrics.ts';
import { measureProcess } from './metrics/process-metrics.ts';
import { Operator } from './operator.ts';
import { startProbes } from './probes.ts';
import { RepositoryCache } from './sandbox/git/cache.ts';
import { credentialFromSettings } from './sandbox/git/credentials.ts';
import { Publisher } from './sandbox/git/publish.ts';
import type { SandboxTransport } from './sandbox/transport.ts';
import type { Settings } from './settings.ts';
import { StateFolder } from './state-folder.ts';
import { openStores } from './stores.ts';

export type OperatorSystem = {
  /** Where /healthz, /readyz and /metrics are. */
  probes: string;
  /** Where REST is, when this process serves it. */
  url: string | undefined;
  /** Resolves when sessions are worked on: the API server was reached and knows the kinds. */
  working: Promise<void>;
  /** Gives all sessions back and closes everything, within 3 s. Commands in Pods go on. */
  stop(): Promise<void>;
};

const MAX_COMMAND_SECONDS = 3600;
const STOP_MS = 1_500;
/** In the place of the label's value, where nobody chose one. */
const INSTALLATION = 'swe-agent';

/**
 * Serves at once, also while API server and event log cannot be reached; sessions are worked on as soon as they can.
 * @throws FolderError, ListenError, ClusterAccessError; nothing is left running then
 */
export async function startOperator(settings: Settings, logger: Logger): Promise<OperatorSystem> {
  const stack = new AsyncDisposableStack();
  try {
    return await build(settings, logger, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function build(settings: Settings, logger: Logger, stack: AsyncDisposableStack): Promise<OperatorSystem> {
  const { git, sandbox } = settings;
  const closing = new AbortController();
  const folder = stack.adopt(StateFolder.open(settings.stateFolder), (state) => state.close());
  const metrics = new Registry();
  stack.defer(measureProcess(metrics));
  const { log, blobs } = await openStores({ settings, logger, metrics, stack }, folder);
  stack.defer(() => closing.abort(new Error('the operator stops')));
  const [measured, warned] = [kubernetesMetrics(metrics), serverWarnings(logger)];
  const cluster = await findCluster(settings, 'swe-agent-operator', closing.signal, (seen) => {
    measured(seen);
    warned(seen);
  });
  const namespaces = watchedOf(settings, cluster);
  const repositories = new RepositoryCache({ dir: folder.file('git'), allowLocal: false, environment: settings.system });
  // What a process that died had lent or left half made.
  await repositories.prune();
  const kinds: SandboxTransport[] = [];
  if (sandbox.type === 'k8s') {
    const options = { installation: sandbox.pods.installation ?? INSTALLATION, ...(namespaces && { namespaces }), logger };
    kinds.push(podSandboxes(cluster, sandbox.pods, { placement: { kind: 'with-session' }, ...options }));
  }
  if (settings.daytona) {
    const { daytonaSandboxes } = await import('./daytona.ts');
    kinds.push(daytonaSandboxes(settings.daytona, INSTALLATION));
  }
  const [standard] = kinds;
  if (!standard) throw new TypeError('the operator of a cluster has sandboxes in Pods or at Daytona');
  const holder = `${hostname()}-${randomUUID().slice(0, 8)}`;
  const operator = new Operator({
    client: cluster.client,
    log,
    blobs,
    transport: (type) => kinds.find((kind) => kind.type === type),
    // Of before all were at Daytona: a Pod and its NetworkPolicy are owned by the session's object.
    goesWithSession: (type) => type === 'pod',
    defaultSandboxType: standard.type,
    repositories,
    publisher: new Publisher(repositories),
    identity: { name: git.username, email: git.email },
    defaultCredential: credentialFromSettings({
      ...(git.token ? { token: git.token.reveal() } : {}),
      hosts: git.tokenHosts.join(','),
    }),
    logger,
    holder,
    now: Date.now,
    random: Math.random,
    maxCommandSeconds: MAX_COMMAND_SECONDS,
    releaseAfter: settings.releaseAfter,
    maxRunning: settings.maxRunning,
    probeIntervalMs: settings.model.probeIntervalMs,
    swept: kinds,
    proxy: settings.system,
    metrics: new OperatorMetrics(metrics),
    ...(namespaces && { namespaces }),
  });
  const readiness = () => {
    const { ready, reason } = operator.readiness;
    return { ready, checks: { kubernetes: ready ? 'ok' : (reason ?? 'not reached yet') } };
  };
  const { host } = settings;
  const probes = stack.adopt(await startProbes({ host, port: settings.cluster.probePort, metrics, readiness }), (one) =>
    one.close(),
  );
  const gateway = settings.cluster.gateway ? await openGateway() : undefined;
  stack.defer(() => operator.stop(STOP_MS));
  // Profiles need nobody to wait for them.
  const applying = new AbortController();
  const profiles = keepProfiles(settings, cluster, logger, applying.signal);
  stack.defer(async () => {
    applying.abort(new Error('the operator stops'));
    await profiles;
  });
  const working = operator.start().then(() => {
    logger.info('sessions are worked on', { namespaces: namespaces ?? '*' });
  });
  working.catch((error: unknown) => {
    // Else it was stopped before it came to that.
    if (!applying.signal.aborted) logger.error('the operator cannot begin', { error: describeError(error) });
  });
  logger.info('the operator is up', { holder, cluster: cluster.access.source, probes: probes.url, api: gateway?.url });
  return { probes: probes.url, url: gateway?.url, working, stop: () => stack.disposeAsync() };

  async function openGateway(): Promise<{ url: string }> {
    const { serveCluster } = await import('../api-gateway/serve-cluster.ts');
    const server = await serveCluster({ settings, cluster, log, blobs, metrics, logger });
    return stack.adopt(server, (one) => one.close());
  }
}

/** undefined: all. */
function watchedOf({ cluster: { watch } }: Settings, { namespace }: Cluster): readonly string[] | undefined {
  return watch === 'all' ? undefined : (watch ?? [namespace]);
}

/** Tries until the profiles of the environment are there; resolves then, or when it is stopped. */
async function keepProfiles(
  settings: Settings,
  { client, namespace }: Cluster,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      for (const problem of await applyEnvironmentProfiles(client, namespace, settings, signal)) logger.warn(problem);
      return;
    } catch (error) {
      if (signal.aborted) return;
      logger.warn('the profiles of the environment cannot be made yet', { namespace, error: describeError(error) });
    }
    await sleep(backoffMs(failures, { baseMs: 500, maxMs: 60_000 }, Math.random), signal).catch(() => undefined);
  }
}
