/** What Kubernetes and Prometheus ask a process about: is it alive, is it ready, what does it count. Holds nothing secret. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { listen } from './listen.ts';
import { createServer } from './node-http.ts';

export type Readiness = {
  ready: boolean;
  /** By what is needed: `ok`, or what is amiss in a word or a line. */
  checks: Readonly<Record<string, string>>;
};

export type ProbesOptions = {
  host: string;
  /** 0: any free port. */
  port: number;
  metrics: Registry;
  readiness: () => Readiness | Promise<Readiness>;
};

/**
 * Serves /healthz, /readyz and /metrics to everybody who reaches the port.
 * @throws ListenError
 */
export async function startProbes({ host, port, metrics, readiness }: ProbesOptions): Promise<{ url: string; close(): void }> {
  const answer = async (request: IncomingMessage): Promise<{ status: number; type: string; body: string }> => {
    const path = request.url?.split('?', 1)[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') return json(405, { status: 'method not allowed' });
    switch (path) {
      case '/healthz':
        return json(200, { status: 'ok' });
      case '/readyz': {
        const { ready, checks } = await readiness();
        return json(ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', checks });
      }
      case '/metrics':
        return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
      default:
        return json(404, { status: 'not found' });
    }
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, type, body } = await answer(request);
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
  };
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  const url = await listen(server, { host, port }, { port: 'SWE_AGENT_PROBE_PORT', host: 'HOST' });
  return {
    url,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function json(status: number, body: object): { status: number; type: string; body: string } {
  return { status, type: 'application/json', body: JSON.stringify(body) };
}
