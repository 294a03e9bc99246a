/** Why the API server did not make what a sandbox needs, as a reason of a condition and words that say what to do. */
import { KubeError } from '../../kube/client.ts';
import { KubeUnreachableError } from '../../kube/http-transport.ts';
import { SandboxUnavailableError } from '../transport.ts';

/** The error of the port for a failed write or read of a Pod; other errors are returned as they are. */
export function creationFault(error: unknown): unknown {
  if (error instanceof KubeUnreachableError)
    return fault('ClusterUnreachable', `the cluster cannot be reached: ${error.message}`, error);
  if (!(error instanceof KubeError)) return error;
  const { code, message } = error;
  if (code === 403) {
    if (/exceeded quota/.test(message))
      return fault('QuotaExceeded', `the namespace's quota leaves no room for the Pod: ${message}`, error);
    if (/RuntimeClass .*not found/i.test(message))
      return fault('RuntimeClassNotFound', `the Pod cannot be made: ${message}`, error);
    if (/violates PodSecurity/.test(message))
      return fault('PodSecurityViolation', `the namespace refuses the Pod: ${message}`, error);
    if (/is being terminated/.test(message)) return fault('NamespaceTerminating', `the Pod cannot be made: ${message}`, error);
    if (/no PriorityClass/.test(message)) return fault('PriorityClassNotFound', `the Pod cannot be made: ${message}`, error);
    if (/serviceaccount .* not found|error looking up service account/.test(message))
      return fault('ServiceAccountNotFound', message, error);
    return fault('Forbidden', `the operator may not do this, or the cluster refuses it: ${message}`, error);
  }
  if (code === 404) return fault('NamespaceNotFound', `the Pod cannot be made: ${message}`, error);
  if (code === 422 || code === 400)
    return fault('InvalidPod', `the settings of the sandbox make no valid Pod: ${message}`, error, true);
  return fault('ClusterUnavailable', `the API server refuses for now: ${message}`, error);
}

function fault(reason: string, message: string, cause: unknown, permanent = false): SandboxUnavailableError {
  return new SandboxUnavailableError(reason, message, { permanent, cause });
}
