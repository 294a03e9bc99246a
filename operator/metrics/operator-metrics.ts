/** All that an operator measures. Put together by the composition root; the parts know only the meters that they are given. */
import { Gauge, type Registry } from 'prom-client';
import type { AgentSession, Phase } from '../api/resources.ts';
import type { EventLog } from '../engine/log.ts';
import type { SandboxTransport } from '../sandbox/transport.ts';
import { measuredLog } from './log-metrics.ts';
import { ModelMetrics } from './model-metrics.ts';
import { QueueMetrics } from './queue-metrics.ts';
import { SandboxMetrics } from './sandbox-metrics.ts';
import { SessionMetrics } from './session-metrics.ts';

/** Shown also while no session is in them. */
const PHASES: readonly Phase[] = [
  'Queued',
  'Provisioning',
  'Planning',
  'WaitingForUser',
  'Programming',
  'Reviewing',
  'Publishing',
  'Paused',
  'Completed',
  'Failed',
  'Cancelled',
];

/** What an operator is asked about with each scrape. */
export type OperatorLoad = {
  /** Sessions with a task at work. */
  working: number;
  /** Places for sessions: how many there are, are taken, and are waited for. */
  slots: { max: number; held: number; waiting: number };
  /** The sessions in the operator's copy; undefined while it is not filled. */
  sessions: readonly AgentSession[] | undefined;
};

export class OperatorMetrics {
  readonly queues: QueueMetrics;
  readonly models: ModelMetrics;
  readonly sessions: SessionMetrics;
  readonly #sandboxes: SandboxMetrics;
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.queues = new QueueMetrics(registry);
    this.models = new ModelMetrics(registry);
    this.sessions = new SessionMetrics(registry);
    this.#sandboxes = new SandboxMetrics(registry);
  }

  /** The same log, measured. */
  log(log: EventLog): EventLog {
    return measuredLog(log, this.#registry);
  }

  /** The same transport, measured. */
  sandboxes(transport: SandboxTransport): SandboxTransport {
    return this.#sandboxes.measured(transport);
  }

  /** Has the load shown with each scrape. */
  watch(load: () => OperatorLoad): void {
    const registers = [this.#registry];
    new Gauge<'state'>({
      name: 'swe_agent_operator_sessions',
      help: 'Sessions of this operator: with a task at work, with a place, and waiting for a place.',
      labelNames: ['state'],
      registers,
      collect() {
        const { working, slots } = load();
        this.set({ state: 'working' }, working);
        this.set({ state: 'placed' }, slots.held);
        this.set({ state: 'waiting' }, slots.waiting);
      },
    });
    new Gauge({
      name: 'swe_agent_operator_session_limit',
      help: 'Sessions that may work at the same time in this operator (SWE_AGENT_MAX_RUNNING).',
      registers,
      collect() {
        this.set(load().slots.max);
      },
    });
    new Gauge<'phase'>({
      name: 'swe_agent_sessions',
      help: 'Sessions by phase, of all operators. Absent until the Kubernetes API was reached.',
      labelNames: ['phase'],
      registers,
      collect() {
        this.reset();
        const { sessions } = load();
        if (!sessions) return;
        const counts = new Map<Phase, number>(PHASES.map((phase) => [phase, 0]));
        for (const { status } of sessions) {
          const phase = status?.phase ?? 'Queued';
          counts.set(phase, (counts.get(phase) ?? 0) + 1);
        }
        for (const [phase, count] of counts) this.set({ phase }, count);
      },
    });
  }
}
