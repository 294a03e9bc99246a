/** The work queues of the controllers, and what became of each reconcile. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { QueueMeter } from '../kube/work-queue.ts';

const WAITS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

export class QueueMetrics {
  readonly #depths = new Map<string, () => number>();
  readonly #adds: Counter<'controller'>;
  readonly #retries: Counter<'controller'>;
  readonly #waits: Histogram<'controller'>;
  readonly #reconciles: Counter<'controller' | 'result'>;
  readonly #durations: Histogram<'controller'>;

  constructor(registry: Registry) {
    const common = { labelNames: ['controller'] as const, registers: [registry] };
    const depths = this.#depths;
    new Gauge({
      ...common,
      name: 'swe_agent_workqueue_depth',
      help: 'Objects that wait to be reconciled now.',
      collect() {
        for (const [controller, depth] of depths) this.set({ controller }, depth());
      },
    });
    this.#adds = new Counter({
      ...common,
      name: 'swe_agent_workqueue_adds_total',
      help: 'Objects that were put into the queue; one that waits already is not counted again.',
    });
    this.#retries = new Counter({
      ...common,
      name: 'swe_agent_workqueue_retries_total',
      help: 'Objects that were put back because reconciling them failed.',
    });
    this.#waits = new Histogram({
      ...common,
      name: 'swe_agent_workqueue_wait_seconds',
      help: 'How long an object waited in the queue until it was reconciled.',
      buckets: WAITS,
    });
    this.#reconciles = new Counter({
      name: 'swe_agent_reconciles_total',
      help: 'Reconciles by result: done, requeue (to be looked at again after a while) or error.',
      labelNames: ['controller', 'result'],
      registers: [registry],
    });
    this.#durations = new Histogram({
      ...common,
      name: 'swe_agent_reconcile_duration_seconds',
      help: 'How long a reconcile took.',
      buckets: WAITS,
    });
  }

  /** The meter of one queue. @param depth how many keys wait now */
  queue(controller: string, depth: () => number): QueueMeter {
    this.#depths.set(controller, depth);
    return {
      added: () => this.#adds.inc({ controller }),
      taken: (waitedMs) => this.#waits.observe({ controller }, waitedMs / 1000),
      processed: (result, durationMs) => {
        this.#reconciles.inc({ controller, result });
        this.#durations.observe({ controller }, durationMs / 1000);
        if (result === 'error') this.#retries.inc({ controller });
      },
    };
  }
}
