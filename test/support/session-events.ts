/** Events and statuses as an operator writes them, for tests that look at what others make of them. */
import type { AgentSessionStatus } from '../../operator/api/types.gen.ts';
import type { EventOf } from '../../operator/engine/events.ts';

export const PLAN: EventOf<'plan.submitted'> = {
  type: 'plan.submitted',
  revision: 1,
  title: 'Mend the sum',
  steps: [
    { id: 's1', title: 'Write a test', details: 'It fails first.', status: 'pending' },
    { id: 's2', title: 'Change sum.js', status: 'pending' },
  ],
  checks: ['npm test'],
};

/** An answer with what only the model's provider can read. */
export const ANSWERED: EventOf<'model.answered'> = {
  type: 'model.answered',
  conversation: 'c',
  call: 1,
  text: 'hello',
  calls: [],
  state: { provider: 'p', model: 'm', items: ['opaque'] },
  purpose: 'step',
  stop: 'end',
  model: 'm',
  usage: { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1, reasoningTokens: 0 },
  costUSD: 0,
  durationMs: 1,
};

export const PUBLISHED: EventOf<'publish.finished'> = {
  type: 'publish.finished',
  branch: 'swe-agent/x',
  commit: 'c0ffee',
  pushed: true,
  message: '',
  bundle: { blob: `sha256-${'0'.repeat(64)}`, bytes: 1 },
  patch: { blob: `sha256-${'1'.repeat(64)}`, bytes: 1 },
  filesChanged: 1,
  additions: 2,
  deletions: 1,
  summary: 'The sum is right.',
};

export const COMPLETED_STATUS: AgentSessionStatus = {
  phase: 'Completed',
  result: {
    summary: 'The sum is right.',
    branch: 'swe-agent/x',
    commit: 'c0ffee',
    pushed: true,
    filesChanged: 1,
    additions: 2,
    deletions: 1,
    verified: true,
    evidence: [{ command: 'npm test', exitCode: 0, tree: 'abc', durationMs: 1200, counted: true }],
  },
  startTime: '2026-01-01T00:00:00Z',
  completionTime: '2026-01-01T00:01:00Z',
};
