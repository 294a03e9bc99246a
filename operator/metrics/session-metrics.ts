/** What sessions do, counted from the events that this process stored: the log is the truth of it, and nothing is counted twice. */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { AgentSession } from '../api/resources.ts';
import type { SessionEvent } from '../engine/events.ts';
import type { EngineObserver } from '../engine/ports.ts';
import type { SessionState } from '../engine/state.ts';
import { boundedLabel } from './bounded-label.ts';

/** Names of tools are a model's. There are twelve tools. */
const MOST_TOOLS = 20;

export class SessionMetrics implements EngineObserver {
  readonly #toolLabel = boundedLabel(MOST_TOOLS);
  readonly #phases: Histogram<'phase'>;
  readonly #firstCall: Histogram;
  readonly #finished: Counter<'outcome'>;
  readonly #paused: Counter<'reason'>;
  readonly #tools: Counter<'tool' | 'outcome'>;
  readonly #toolDurations: Histogram<'tool'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#phases = new Histogram({
      name: 'swe_agent_session_phase_duration_seconds',
      help: 'How long sessions stayed in a phase that they have left.',
      labelNames: ['phase'],
      buckets: [1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400],
      registers,
    });
    this.#firstCall = new Histogram({
      name: 'swe_agent_session_first_model_call_seconds',
      help: 'Time from the start of a session, with a place to run, to its first call of a model.',
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
      registers,
    });
    this.#finished = new Counter({
      name: 'swe_agent_sessions_finished_total',
      help: 'Sessions that ended, by outcome; one that a message takes up again ends again.',
      labelNames: ['outcome'],
      registers,
    });
    this.#paused = new Counter({
      name: 'swe_agent_sessions_paused_total',
      help: 'How often sessions were paused, by reason.',
      labelNames: ['reason'],
      registers,
    });
    this.#tools = new Counter({
      name: 'swe_agent_tool_calls_total',
      help: 'Tool calls that ended, by tool and outcome: ok, error, interrupted or lost.',
      labelNames: ['tool', 'outcome'],
      registers,
    });
    this.#toolDurations = new Histogram({
      name: 'swe_agent_tool_call_duration_seconds',
      help: 'How long tool calls took.',
      labelNames: ['tool'],
      buckets: [0.01, 0.05, 0.25, 1, 5, 30, 120, 600, 3_600],
      registers,
    });
  }

  stored(session: AgentSession, events: readonly SessionEvent[], before: SessionState, after: SessionState): void {
    let phase: string = before.phase;
    let since = before.phaseSince || session.metadata.creationTimestamp;
    const enter = (next: string, time: string) => {
      if (next === phase) return;
      if (since !== undefined) this.#phases.observe({ phase }, secondsBetween(since, time));
      phase = next;
      since = time;
    };
    let untouched = before.steps === 0 && !before.conversation?.requested && !before.conversation?.failures;
    for (const event of events) {
      switch (event.type) {
        case 'phase.entered':
          enter(event.phase, event.time);
          break;
        case 'session.paused':
          enter('Paused', event.time);
          this.#paused.inc({ reason: event.reason });
          break;
        case 'session.resumed':
          enter(before.pausedFrom ?? after.phase, event.time);
          break;
        case 'session.finished':
          enter(event.outcome, event.time);
          this.#finished.inc({ outcome: event.outcome });
          break;
        case 'model.requested':
          if (untouched && after.startTime !== undefined) this.#firstCall.observe(secondsBetween(after.startTime, event.time));
          untouched = false;
          break;
        case 'tool.finished': {
          const tool = this.#toolLabel(event.name);
          this.#tools.inc({ tool, outcome: event.outcome });
          this.#toolDurations.observe({ tool }, event.durationMs / 1000);
          break;
        }
      }
    }
  }
}

function secondsBetween(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from)) / 1000;
}
