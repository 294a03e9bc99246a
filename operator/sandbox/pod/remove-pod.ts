/** Takes a Pod out of the cluster, and with it every process in it. */
import { type KubeClient, KubeError } from '../../kube/client.ts';
import type { Logger } from '../../logger.ts';
import { creationFault } from './creation-fault.ts';
import { unavailable } from './handle.ts';
import { PODS } from './objects.ts';
import type { Place } from './placement.ts';
import type { Pods } from './pods.ts';

/** How long a Pod that is asked to go may take before it is taken away unasked: its node may be gone. */
const GONE_MS = 30_000;
const DELETED_MS = 90_000;

type Cluster = { client: KubeClient; pods: Pods; logger: Logger };

/**
 * Deletes the Pod with this UID and waits until it is gone; another one of the same name is left alone.
 * @throws SandboxUnavailableError | the signal's reason
 */
export async function removePod(cluster: Cluster, place: Place, uid: string, signal: AbortSignal): Promise<void> {
  const { pods, logger } = cluster;
  const patience = AbortSignal.any([signal, AbortSignal.timeout(DELETED_MS)]);
  try {
    await ask(cluster, place, uid, {}, patience);
    const gone = AbortSignal.any([patience, AbortSignal.timeout(GONE_MS)]);
    try {
      await pods.until(place, uid, (now) => (now ? undefined : true), gone);
    } catch (error) {
      patience.throwIfAborted();
      if (!gone.aborted) throw error;
      // The kubelet does not answer; what may still run there can do no harm that the API server could prevent.
      logger.warn('a Pod does not end and is taken out of the cluster unasked', place);
      await ask(cluster, place, uid, { gracePeriodSeconds: 0 }, patience);
      await pods.until(place, uid, (now) => (now ? undefined : true), patience);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (patience.aborted) throw unavailable('PodNotDeleted', `the Pod ${place.namespace}/${place.name} does not go away`, error);
    throw creationFault(error);
  }
}

async function ask(
  { client }: Cluster,
  { namespace, name }: Place,
  uid: string,
  options: { gracePeriodSeconds?: number },
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.delete(PODS, namespace, name, { preconditions: { uid }, ...options }, signal);
  } catch (error) {
    if (!(error instanceof KubeError && (error.code === 404 || error.code === 409))) throw error;
  }
}
