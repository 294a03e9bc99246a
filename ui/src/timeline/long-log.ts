/** A made-up log of any length that looks like that of a session which works for days; for tests and measurements. */
import type { EventBody } from '../../../operator/engine/events.ts';
import type { SessionEvent } from './model.ts';

const STEPS_PER_PLAN = 6;
const TURNS_PER_STEP = 25;

/** The first `count` events of it. Always the same. */
export function longLog(count: number): SessionEvent[] {
  const events: SessionEvent[] = [];
  for (const body of endless()) {
    if (events.length === count) break;
    const seq = events.length + 1;
    events.push({ seq, epoch: 1, format: 3, time: new Date(Date.UTC(2026, 0, 1) + seq * 1000).toISOString(), ...body });
  }
  return events;
}

function* endless(): Generator<EventBody> {
  yield {
    type: 'session.started',
    goal: 'Port the whole of it.',
    repository: { url: 'https://example.com/big.git' },
    mode: 'auto',
  };
  yield { type: 'phase.entered', phase: 'Provisioning', reason: 'Started', message: 'Preparing.' };
  const steps = Array.from({ length: STEPS_PER_PLAN }, (_, index) => ({
    id: `${index + 1}`,
    title: `Port part ${index + 1} of the library`,
    status: 'pending' as const,
  }));
  for (let iteration = 1; ; iteration++) {
    yield { type: 'phase.entered', phase: 'Planning', reason: 'NewInput', message: 'Planning again.' };
    yield conversation('planner', iteration);
    yield { type: 'plan.submitted', revision: iteration, title: 'Port it', steps, checks: ['npm test'] };
    yield { type: 'iteration.started', iteration };
    yield { type: 'phase.entered', phase: 'Programming', reason: 'PlanReady', message: 'Working through the plan.' };
    yield conversation('programmer', iteration);
    for (const { id } of steps) yield* workOn(id, iteration);
    yield { type: 'programmer.finished', iteration, summary: 'All of it is ported.' };
    yield { type: 'phase.entered', phase: 'Reviewing', reason: 'IterationEnded', message: 'Checking the result.' };
    yield {
      type: 'review.submitted',
      iteration,
      tree: 'f00d',
      by: 'reviewer',
      verdict: 'request_changes',
      findings: [{ file: 'src/part.ts', line: iteration, problem: 'Does not end.' }],
      summary: 'Not yet.',
    };
  }
}

function conversation(role: 'planner' | 'programmer', iteration: number): EventBody {
  return {
    type: 'conversation.started',
    conversation: `${role}-${iteration}`,
    role,
    profile: 'default',
    model: 'scripted',
    promptVersion: '1',
    system: 'You work.',
    opening: 'Work.',
  };
}

function* workOn(step: string, iteration: number): Generator<EventBody> {
  const at = { conversation: `programmer-${iteration}` };
  yield { type: 'plan.updated', steps: [{ id: step, status: 'in_progress' }] };
  for (let turn = 1; turn <= TURNS_PER_STEP; turn++) {
    const call = turn;
    const callId = `call-${iteration}-${step}-${turn}`;
    const command = turn % 3 === 0;
    const args = command
      ? { command: `npm test -- part-${step} --grep "case ${turn}"` }
      : {
          path: `src/part-${step}/file-${turn}.ts`,
          old_string: `const a = ${turn};\n`,
          new_string: `const a = ${turn + 1};\nconst b = 2;\n`,
        };
    const name = command ? 'bash' : 'edit_file';
    yield { type: 'model.requested', ...at, call, profile: 'default', model: 'scripted', purpose: 'step' };
    yield { type: 'model.output', ...at, call, text: `Turn ${turn}: looking at what the last one said, ` };
    yield {
      type: 'model.answered',
      ...at,
      call,
      text: `Turn ${turn}: looking at what the last one said, then on to the next file of part ${step}.`,
      calls: [{ id: callId, name, arguments: JSON.stringify(args) }],
      stop: 'calls',
      model: 'scripted',
      purpose: 'step',
      usage: { inputTokens: 9000, cachedInputTokens: 8000, outputTokens: 200, reasoningTokens: 50 },
      costUSD: 0.01,
      durationMs: 2000,
    };
    const summary = command ? `$ ${args.command}` : `edit ${args.path}`;
    yield { type: 'tool.started', ...at, callId, name, op: callId, sandboxUid: 'box', summary };
    if (command) yield { type: 'tool.output', callId, bytes: 4000, tail: 'PASS one\n'.repeat(40) };
    yield {
      type: 'tool.finished',
      ...at,
      callId,
      name,
      outcome: 'ok',
      result: command ? `${'PASS one\n'.repeat(60)}[exit code ${turn % 2}]` : 'Edited.',
      durationMs: 1500,
      ...(command && { exitCode: turn % 2 }),
    };
  }
  yield { type: 'plan.updated', steps: [{ id: step, status: 'completed' }] };
}
