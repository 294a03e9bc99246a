/** Requests to the Kubernetes API: how many of which kind, how they were answered, and how long that took. */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { RequestSeen } from '../kube/http-transport.ts';

const VERBS = { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const;

/** Counts every try of every request. Give the result to the clients of the process as `onRequest`. */
export function kubernetesMetrics(registry: Registry): (seen: RequestSeen) => void {
  const registers = [registry];
  const requests = new Counter({
    name: 'swe_agent_kubernetes_requests_total',
    help: 'Requests to the Kubernetes API by verb, resource and HTTP status; status error: there was no answer.',
    labelNames: ['verb', 'resource', 'code'],
    registers,
  });
  const durations = new Histogram({
    name: 'swe_agent_kubernetes_request_duration_seconds',
    help: 'Time from a request to the Kubernetes API to the beginning of its answer.',
    labelNames: ['verb', 'resource'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
    registers,
  });
  return ({ method, path, status, durationMs }) => {
    const kind = requestKind(method, path);
    requests.inc({ ...kind, code: status === undefined ? 'error' : String(status) });
    durations.observe(kind, durationMs / 1000);
  };
}

/** What a request is in the words of RBAC; names of objects and namespaces are not part of it. */
export function requestKind(method: RequestSeen['method'], path: string): { verb: string; resource: string } {
  const [where = '', query = ''] = path.split('?', 2);
  // /api/v1/… or /apis/group/version/…
  const parts = where.split('/').slice(where.startsWith('/apis/') ? 4 : 3);
  const [plural = 'none', name, subresource] = parts[0] === 'namespaces' && parts.length > 2 ? parts.slice(2) : parts;
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  if (method !== 'GET' || name !== undefined) return { verb: VERBS[method], resource };
  return { verb: query.includes('watch=true') ? 'watch' : 'list', resource };
}
