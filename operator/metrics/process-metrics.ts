/** What every process of the system says of itself: memory, processor, garbage collection, and how late its event loop is. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** How often the event loop is looked at, in milliseconds. */
const SAMPLE_MS = 20;

/** Once for a registry. The returned function ends what is measured all the time. */
export function measureProcess(registry: Registry): () => void {
  collectDefaultMetrics({ register: registry });
  const delay = monitorEventLoopDelay({ resolution: SAMPLE_MS });
  delay.enable();
  new Gauge<'quantile'>({
    name: 'swe_agent_event_loop_delay_seconds',
    help: 'How late the event loop is, since the last scrape.',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      for (const percent of [50, 99, 100]) {
        // What is recorded is the time between two samples; on time, that is the resolution.
        const lateMs = delay.percentile(percent) / 1e6 - SAMPLE_MS;
        this.set({ quantile: String(percent / 100) }, Math.max(0, lateMs) / 1000);
      }
      delay.reset();
    },
  });
  return () => {
    delay.disable();
  };
}
