/** What the gateway measures. The registry is shared: what the operator counts is shown beside it. */
import type { NextFunction, Request, Response } from 'express';
import { Gauge, Histogram, type Registry } from 'prom-client';

export class GatewayMetrics {
  readonly #registry: Registry;
  readonly #durations: Histogram<'method' | 'route' | 'status'>;
  readonly #streams: Gauge;
  readonly #names = ['swe_agent_http_request_duration_seconds', 'swe_agent_http_event_streams'];

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    this.#durations = new Histogram({
      name: 'swe_agent_http_request_duration_seconds',
      help: 'Time from a request to the end of its answer; event streams are left out.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
      registers,
    });
    this.#streams = new Gauge({ name: 'swe_agent_http_event_streams', help: 'Open event streams.', registers });
  }

  /** Measures a request. The route is its pattern, so that ids do not become labels. */
  readonly middleware = (request: Request, response: Response, next: NextFunction): void => {
    const begin = process.hrtime.bigint();
    response.once('close', () => {
      if (response.getHeader('content-type')?.toString().startsWith('text/event-stream')) return;
      const path: unknown = request.route?.path ?? response.locals.route;
      const labels = {
        method: request.method,
        route: typeof path === 'string' ? path : 'none',
        status: String(response.statusCode),
      };
      this.#durations.observe(labels, Number(process.hrtime.bigint() - begin) / 1e9);
    });
    next();
  };

  /** Counts a stream until it ends. */
  streamOpened(response: Response): void {
    this.#streams.inc();
    response.once('close', () => this.#streams.dec());
  }

  async text(): Promise<{ type: string; body: string }> {
    return { type: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  /** Takes the gateway's own metrics out of the registry. */
  close(): void {
    for (const name of this.#names) this.#registry.removeSingleMetric(name);
  }
}
