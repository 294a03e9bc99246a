/** A real cluster as the compositions use it. Loaded only where there is one: reading a kubeconfig costs memory and time. */
import { homedir, hostname } from 'node:os';
import { type ClusterAccess, clusterAccess } from './kube/cluster-access.ts';
import { HttpKubeClient } from './kube/http-client.ts';
import type { KubeEndpoint, RequestSeen } from './kube/http-transport.ts';
import type { Logger } from './logger.ts';
import { OWN_IMAGE, ownImage } from './sandbox/pod/own-image.ts';
import type { Placement } from './sandbox/pod/placement.ts';
import { PodTransport } from './sandbox/pod/transport.ts';
import { ownerFields } from './session-log.ts';
import type { Settings } from './settings.ts';
import type { PodSettings } from './settings-cluster.ts';

export type Cluster = {
  access: ClusterAccess;
  endpoint: KubeEndpoint;
  client: HttpKubeClient;
  /** Of sessions and Pods that name none: K8S_NAMESPACE, else that of the service account or the kubeconfig's context. */
  namespace: string;
  /** Hears of every request, for metrics. */
  onRequest?: ((seen: RequestSeen) => void) | undefined;
};

/**
 * The way to the cluster; that it leads there is found out with the first request.
 * @param signal ends every connection and watch
 * @param onRequest hears of every request, for metrics
 * @throws ClusterAccessError when no way is configured
 */
export async function findCluster(
  { cluster, namespace, system }: Pick<Settings, 'cluster' | 'namespace' | 'system'>,
  userAgent: string,
  signal: AbortSignal,
  onRequest?: (seen: RequestSeen) => void,
): Promise<Cluster> {
  const { kubeconfig, serviceHost, servicePort } = cluster;
  const access = await clusterAccess({ kubeconfig, serviceHost, servicePort, home: system.HOME ?? homedir() });
  const endpoint = { ...access, signal };
  const client = new HttpKubeClient(endpoint, { userAgent, ...(onRequest && { onRequest }) });
  return { access, endpoint, client, onRequest, namespace: namespace ?? access.namespace ?? 'default' };
}

/**
 * A client with no credential of its own, for callers' tokens: a client certificate would win over the token that a request
 * carries, and every caller would be taken for this process.
 */
export function withoutCredentials(
  { endpoint, onRequest }: Pick<Cluster, 'endpoint' | 'onRequest'>,
  userAgent: string,
): HttpKubeClient {
  const { baseUrl, ca, serverName, insecure, signal } = endpoint;
  return new HttpKubeClient(
    {
      baseUrl,
      headers: async () => ({}),
      signal,
      ...(ca !== undefined && { ca }),
      ...(serverName !== undefined && { serverName }),
      ...(insecure !== undefined && { insecure }),
    },
    { userAgent, ...(onRequest && { onRequest }) },
  );
}

/** Pods of this cluster as sandboxes. */
export function podSandboxes(
  { access, client, endpoint }: Pick<Cluster, 'access' | 'client' | 'endpoint'>,
  { toolboxImage, ...pods }: PodSettings,
  options: { placement: Placement; installation: string; namespaces?: readonly string[]; logger: Logger },
): PodTransport {
  const { logger } = options;
  const own = () => ownImage({ client, namespace: access.namespace, name: hostname(), variable: 'SWE_AGENT_TOOLBOX_IMAGE' });
  return new PodTransport({
    ...pods,
    ...options,
    ...(toolboxImage !== undefined && { toolboxImage: toolboxImage === OWN_IMAGE ? own() : toolboxImage }),
    client,
    endpoint,
    onNotice: (owner, { reason, message }) => logger.info('a Pod waits', { ...ownerFields(owner), reason, detail: message }),
  });
}
