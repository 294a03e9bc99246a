/** What the operator measures of itself. */
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import type { Operator } from './operator.ts';

/** Adds the operator's own and the process's metrics to the registry. */
export function measureOperator(operator: Pick<Operator, 'controllers' | 'runner'>, registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  new Gauge<'state'>({
    name: 'swe_agent_operator_sessions',
    help: 'Sessions of this operator: with a task at work, with a place, and waiting for a place.',
    labelNames: ['state'],
    registers,
    collect() {
      const { held, waiting } = operator.controllers.load.slots;
      this.set({ state: 'working' }, operator.runner.running);
      this.set({ state: 'placed' }, held);
      this.set({ state: 'waiting' }, waiting);
    },
  });
  new Gauge({
    name: 'swe_agent_operator_session_limit',
    help: 'Sessions that may work at the same time in this operator (SWE_AGENT_MAX_RUNNING).',
    registers,
    collect() {
      this.set(operator.controllers.load.slots.max);
    },
  });
  new Gauge<'state'>({
    name: 'swe_agent_operator_queue',
    help: 'Sessions to be reconciled: ready, being reconciled, and due later.',
    labelNames: ['state'],
    registers,
    collect() {
      const { ready, processing, delayed } = operator.controllers.load.queue;
      for (const [state, count] of Object.entries({ ready, processing, delayed })) this.set({ state }, count);
    },
  });
}
