/** The gateway over a real cluster, with callers as API_AUTH says; alone in a process or beside the operator. */
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { type Cluster, withoutCredentials } from '../operator/cluster.ts';
import type { BlobStore } from '../operator/engine/blob.ts';
import type { EventLog } from '../operator/engine/log.ts';
import type { Logger } from '../operator/logger.ts';
import type { Settings } from '../operator/settings.ts';
import { createGateway } from './gateway.ts';
import type { GatewayAuth } from './http/auth.ts';
import { ClusterCallers } from './http/cluster-callers.ts';
import { proxiesOf } from './http/proxy-user.ts';

export type ClusterGateway = {
  settings: Settings;
  cluster: Cluster;
  log: EventLog;
  blobs: BlobStore;
  metrics: Registry;
  logger: Logger;
};

/** Who asks for work where the API does not ask who calls. */
const ANONYMOUS = 'anonymous';

/** @throws ListenError */
export async function serveCluster(parts: ClusterGateway): Promise<{ url: string; close(): Promise<void> }> {
  const { settings, cluster, log, blobs, metrics, logger } = parts;
  const gateway = createGateway({
    kube: cluster.client,
    log,
    blobs,
    auth: authOf(settings.api, cluster),
    author: () => ANONYMOUS,
    namespace: cluster.namespace,
    metrics,
    now: Date.now,
    logger,
    allowLocalRepositories: false,
    allowedHosts: settings.allowedHosts,
    about: { sandboxTypes: kindsOf(settings) },
    ...proxiesOf(settings),
    page: join(import.meta.dirname, '../ui/dist'),
  });
  return gateway.listen(settings.host, settings.port);
}

function authOf(api: Settings['api'], cluster: Cluster): GatewayAuth {
  switch (api.auth) {
    case 'none':
      return { mode: 'none' };
    case 'token':
      return { mode: 'token', token: api.token.reveal() };
    case 'kubernetes': {
      const client = withoutCredentials(cluster, 'swe-agent-gateway');
      const withToken = (token: string) => client.withToken(token);
      return { mode: 'kubernetes', callers: new ClusterCallers({ withToken, namespace: cluster.namespace, now: Date.now }) };
    }
    default:
      return api satisfies never;
  }
}

/** As far as this process is told: the operator makes them. */
function kindsOf({ sandbox, daytonaOffered }: Settings): ('pod' | 'daytona' | 'local')[] {
  const standard = sandbox.type === 'k8s' ? 'pod' : sandbox.type;
  return daytonaOffered && standard !== 'daytona' ? [standard, 'daytona'] : [standard];
}
