/** The image that this very process runs from, as the Pod that it runs in names it. A container is not told that by itself. */
import type { KubeObject } from '../../api/resources.ts';
import { type KubeClient, KubeError } from '../../kube/client.ts';
import { SandboxUnavailableError } from '../transport.ts';
import { creationFault } from './creation-fault.ts';
import { PODS } from './objects.ts';

/** In the place of an image: the one that the operator itself runs from. */
export const OWN_IMAGE = 'self';

export type OwnPod = {
  client: Pick<KubeClient, 'get'>;
  /** Of this process's Pod; undefined where it is in none. */
  namespace: string | undefined;
  /** Name of its Pod, which is its host's name. */
  name: string;
  /** Variable that only this process's container has with the value OWN_IMAGE: others may be beside it in the Pod. */
  variable: string;
};

type RunningPod = KubeObject & {
  spec?: { containers?: { image?: string; env?: { name: string; value?: string }[] }[] };
};

/**
 * Asks the API server until it has answered once. Needs the right to get the Pod.
 * @returns what resolves to the image. @throws SandboxUnavailableError | the signal's reason
 */
export function ownImage({ client, namespace, name, variable }: OwnPod): (signal: AbortSignal) => Promise<string> {
  let found: string | undefined;
  const ask = async (signal: AbortSignal): Promise<string> => {
    const pod = await client.get<RunningPod>(PODS, namespace, name, signal);
    const own = pod.spec?.containers?.find(({ env }) => env?.some((one) => one.name === variable && one.value === OWN_IMAGE));
    if (own?.image === undefined) throw unknown(`no container of the Pod ${namespace}/${name} has ${variable}=${OWN_IMAGE}`);
    return own.image;
  };
  const unknown = (why: string, cause?: unknown): SandboxUnavailableError => {
    const message = `${variable}=${OWN_IMAGE} stands for the operator's own image, and ${why}; name the image instead`;
    return new SandboxUnavailableError('ToolboxUnknown', message, { permanent: false, cause });
  };
  return async (signal) => {
    if (found !== undefined) return found;
    if (namespace === undefined) throw unknown('it runs in no Pod');
    try {
      found = await ask(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeError)) throw creationFault(error);
      if (error.code === 404) throw unknown(`there is no Pod ${namespace}/${name}`, error);
      if (error.code === 403) throw unknown(`it may not read its Pod (${error.message})`, error);
      throw creationFault(error);
    }
    return found;
  };
}
