/** Sandboxes, with what it takes to have one measured. */
import { Counter, Histogram, type Registry } from 'prom-client';
import { SandboxLostError, type SandboxTransport, SandboxUnavailableError } from '../sandbox/transport.ts';
import { boundedLabel } from './bounded-label.ts';

/** Reasons are words of ours and of Kubernetes; those of a container runtime may be anything. */
const MOST_REASONS = 50;

export class SandboxMetrics {
  readonly #reasonLabel = boundedLabel(MOST_REASONS);
  readonly #durations: Histogram<'type'>;
  readonly #failures: Counter<'type' | 'reason'>;

  constructor(registry: Registry) {
    this.#durations = new Histogram({
      name: 'swe_agent_sandbox_provision_duration_seconds',
      help: 'How long it took to find or to make a sandbox.',
      labelNames: ['type'],
      buckets: [0.01, 0.05, 0.25, 1, 2.5, 5, 10, 30, 60, 120, 300],
      registers: [registry],
    });
    this.#failures = new Counter({
      name: 'swe_agent_sandbox_failures_total',
      help: 'How often there was no sandbox to be had, by reason.',
      labelNames: ['type', 'reason'],
      registers: [registry],
    });
  }

  /** The same transport; what is provisioned through the result is measured. */
  measured(transport: SandboxTransport): SandboxTransport {
    const { type, starts, checkpoints } = transport;
    return {
      type,
      ...(starts && { starts }),
      ...(checkpoints && { checkpoints }),
      provision: async (owner, spec, signal, onNotice) => {
        const begin = performance.now();
        try {
          const handle = await transport.provision(owner, spec, signal, onNotice);
          this.#durations.observe({ type }, (performance.now() - begin) / 1000);
          return handle;
        } catch (error) {
          if (!signal.aborted) this.#failures.inc({ type, reason: this.#reasonLabel(reasonOf(error)) });
          throw error;
        }
      },
      find: (...args) => transport.find(...args),
      dispose: (...args) => transport.dispose(...args),
      quiesce: (...args) => transport.quiesce(...args),
      listOrphans: (...args) => transport.listOrphans(...args),
    };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof SandboxUnavailableError) return error.reason;
  return error instanceof SandboxLostError ? 'SandboxLost' : 'Error';
}
