/** What the gateway measures. The registry is shared: what the operator counts is shown beside it. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { NextFunction, Request, Response } from 'express';
import { Gauge, Histogram, type Registry } from 'prom-client';
import { type AgentSession, type Phase, RESOURCES } from '../operator/api/resources.ts';
import { REST_STATUSES } from './picture.ts';
import type { Sessions } from './sessions.ts';

/** How long a scrape waits for the list of sessions, in milliseconds. */
const SCRAPE_DEADLINE_MS = 3_000;
/** How often the event loop is looked at, in milliseconds. */
const SAMPLE_MS = 20;
/** Sessions that are asked for at a time. */
const PAGE = 500;

export class GatewayMetrics {
  readonly #registry: Registry;
  readonly #durations: Histogram<'method' | 'route' | 'status'>;
  readonly #streams: Gauge;
  readonly #names = ['swe_agent_http_request_duration_seconds', 'swe_agent_http_event_streams'];
  readonly #delay = monitorEventLoopDelay({ resolution: SAMPLE_MS });

  constructor(registry: Registry, sessions: Sessions) {
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
    this.#sessionsByPhase(sessions);
    this.#eventLoopDelay();
  }

  /** Measures a request. The route is its pattern, so that ids do not become labels. */
  readonly middleware = (request: Request, response: Response, next: NextFunction): void => {
    const begin = process.hrtime.bigint();
    response.once('close', () => {
      if (response.getHeader('content-type')?.toString().startsWith('text/event-stream')) return;
      const path: unknown = request.route?.path;
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
    this.#delay.disable();
    for (const name of this.#names) this.#registry.removeSingleMetric(name);
  }

  #sessionsByPhase(sessions: Sessions): void {
    const name = 'swe_agent_sessions';
    this.#names.push(name);
    new Gauge<'phase'>({
      name,
      help: 'Sessions by phase. Absent when the Kubernetes API cannot be reached.',
      labelNames: ['phase'],
      registers: [this.#registry],
      async collect() {
        this.reset();
        const counts = await countByPhase(sessions).catch(() => undefined);
        for (const [phase, count] of Object.entries(counts ?? {})) this.set({ phase }, count);
      },
    });
  }

  #eventLoopDelay(): void {
    const name = 'swe_agent_event_loop_delay_seconds';
    this.#names.push(name);
    const delay = this.#delay;
    delay.enable();
    new Gauge<'quantile'>({
      name,
      help: 'How late the event loop is, since the last scrape.',
      labelNames: ['quantile'],
      registers: [this.#registry],
      collect() {
        for (const percent of [50, 99, 100]) {
          // What is recorded is the time between two samples; on time, that is the resolution.
          const lateMs = delay.percentile(percent) / 1e6 - SAMPLE_MS;
          this.set({ quantile: String(percent / 100) }, Math.max(0, lateMs) / 1000);
        }
        delay.reset();
      },
    });
  }
}

async function countByPhase({ kube, namespace }: Sessions): Promise<Record<string, number>> {
  const counts: Partial<Record<Phase, number>> = Object.fromEntries(Object.keys(REST_STATUSES).map((phase) => [phase, 0]));
  const signal = AbortSignal.timeout(SCRAPE_DEADLINE_MS);
  for (let from: string | undefined; ; ) {
    const options = { namespace, limit: PAGE, ...(from !== undefined && { continue: from }) };
    const page = await kube.list<AgentSession>(RESOURCES.sessions, options, signal);
    for (const { status } of page.items) {
      const phase = status?.phase ?? 'Queued';
      counts[phase] = (counts[phase] ?? 0) + 1;
    }
    from = page.continue;
    if (!from) return counts;
  }
}
