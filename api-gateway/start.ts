/** The gateway alone, put together from the settings: objects from the cluster, events and blobs from Redis. */
import { Registry } from 'prom-client';
import { findCluster } from '../operator/cluster.ts';
import type { Logger } from '../operator/logger.ts';
import { kubernetesMetrics } from '../operator/metrics/kubernetes-metrics.ts';
import { measureProcess } from '../operator/metrics/process-metrics.ts';
import { startProbes } from '../operator/probes.ts';
import type { Settings } from '../operator/settings.ts';
import { openStores } from '../operator/stores.ts';
import { readiness } from './health.ts';
import { serveCluster } from './serve-cluster.ts';
import { Sessions } from './sessions.ts';

export type GatewaySystem = {
  url: string;
  /** Where /healthz, /readyz and /metrics are, for everybody. */
  probes: string;
  /** Ends event streams, gives running requests a second and closes everything. */
  stop(): Promise<void>;
};

/**
 * Serves at once, also while API server and event log cannot be reached.
 * @throws ListenError, ClusterAccessError; nothing is left running then
 */
export async function startGateway(settings: Settings, logger: Logger): Promise<GatewaySystem> {
  const stack = new AsyncDisposableStack();
  try {
    return await build(settings, logger, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function build(settings: Settings, logger: Logger, stack: AsyncDisposableStack): Promise<GatewaySystem> {
  const metrics = new Registry();
  stack.defer(measureProcess(metrics));
  const onRequest = kubernetesMetrics(metrics);
  const { log, blobs } = await openStores({ settings, logger, metrics, stack });
  const closing = new AbortController();
  stack.defer(() => closing.abort(new Error('the gateway stops')));
  const cluster = await findCluster(settings, 'swe-agent-gateway', closing.signal, onRequest);
  const sessions = new Sessions(cluster.client, cluster.namespace, 'session');
  const probes = stack.adopt(
    await startProbes({
      host: settings.host,
      port: settings.cluster.probePort,
      metrics,
      readiness: () => readiness(sessions, log),
    }),
    (one) => one.close(),
  );
  const server = stack.adopt(await serveCluster({ settings, cluster, log, blobs, metrics, logger }), (one) => one.close());
  logger.info('the gateway is up', {
    api: server.url,
    probes: probes.url,
    cluster: cluster.access.source,
    namespace: cluster.namespace,
  });
  return { url: server.url, probes: probes.url, stop: () => stack.disposeAsync() };
}
