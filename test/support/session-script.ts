/** Drives the pure part of a session, events in and decisions out, without any effect. */
import type { Action } from '../../operator/engine/action.ts';
import { compareRuns } from '../../operator/engine/compare-runs.ts';
import { decide } from '../../operator/engine/decide.ts';
import type { CheckStage } from '../../operator/engine/event-parts.ts';
import { type EventBody, FORMAT } from '../../operator/engine/events.ts';
import { apply } from '../../operator/engine/fold.ts';
import type { Intent } from '../../operator/engine/intent.ts';
import { NEVER } from '../../operator/engine/release.ts';
import { INITIAL_STATE, type SessionState } from '../../operator/engine/state.ts';
import type { SandboxType } from '../../operator/sandbox/transport.ts';

const START = Date.parse('2026-01-01T00:00:00Z');

export function anIntent(changes: Partial<Intent> = {}): Intent {
  return {
    goal: 'Mend the sum',
    repository: { url: '/repo', ref: undefined, depth: 1 },
    mode: 'auto',
    author: 'ada',
    inputs: [],
    approvedPlan: undefined,
    suspend: false,
    resume: 0,
    cancelled: false,
    verify: [],
    limits: {
      maxSteps: 200,
      maxTokens: Number.POSITIVE_INFINITY,
      maxCostUSD: Number.POSITIVE_INFINITY,
      timeoutSeconds: 14_400,
      maxReviewRounds: 3,
    },
    profiles: { planner: ['main'], programmer: ['main'], reviewer: ['main'] },
    now: START,
    since: START,
    release: NEVER,
    ...changes,
  };
}

/** A session whose effects are told to it. Time moves by a second with every event. */
export class SessionScript {
  state: SessionState = INITIAL_STATE;
  showsSideChecks = false;
  sandboxType: SandboxType = 'local';
  intent: Intent;
  #calls = 0;
  #commits = 0;

  constructor(intent: Partial<Intent> = {}) {
    this.intent = anIntent(intent);
  }

  /** Folds events as if they had happened. */
  happen(...bodies: EventBody[]): this {
    for (const body of bodies) {
      const time = new Date(START + (this.state.lastSeq + 1) * 1000).toISOString();
      this.state = apply(this.state, { ...body, time, seq: this.state.lastSeq + 1, epoch: 1, format: FORMAT });
      this.intent = { ...this.intent, now: Date.parse(time) };
    }
    return this;
  }

  wants(changes: Partial<Intent>): this {
    this.intent = { ...this.intent, ...changes };
    return this;
  }

  says(message: string, extra: Partial<Intent['inputs'][number]> = {}): this {
    const id = extra.id ?? `m${this.intent.inputs.length + 1}`;
    return this.wants({ inputs: [...this.intent.inputs, { message, ...extra, id }] });
  }

  /**
   * Records whatever can be recorded and returns the first action that needs an effect. Checks on something else than the
   * result pass as if nobody looked, unless they are asked for.
   */
  next(): Action {
    for (let guard = 0; guard < 100; guard++) {
      const action = decide(this.state, this.intent);
      if (action.do === 'record') this.happen(...action.events);
      else if (this.showsSideChecks || !this.#passesAside(action)) return action;
    }
    throw new Error('the decisions go in a circle');
  }

  #passesAside(action: Action): boolean {
    if (action.do === 'isolate-tests') this.happen({ type: 'tests.isolated', commit: action.commit, files: [] });
    else if (action.do === 'verify' && action.on.stage === 'before') this.check(action.command, 'base-tree', 0, 'before');
    else return false;
    return true;
  }

  /** Does the next action the way it usually goes, the model answering with the calls given. */
  go(calls: { name: string; args?: Record<string, unknown> }[] = []): Action {
    const action = this.next();
    const conversation = this.state.conversation?.id ?? '';
    switch (action.do) {
      case 'provision':
        this.happen(
          { type: 'sandbox.requested', sandboxType: this.sandboxType },
          {
            type: 'sandbox.ready',
            sandbox: {
              type: this.sandboxType,
              name: 's',
              uid: 'box-1',
              root: '/w',
              worktree: '/w/repo',
              isolated: true,
              isolation: 'none',
              isolationMessage: '',
            },
          },
          { type: 'repository.cloned', commit: 'base', branch: 'main', message: '' },
        );
        break;
      case 'open-conversation':
        this.happen({
          type: 'conversation.started',
          conversation: `${action.role}-${this.state.conversations + 1}`,
          role: action.role,
          profile: 'main',
          model: 'm',
          promptVersion: '1',
          system: 's',
          opening: 'o',
        });
        break;
      case 'call-model':
        this.#calls++;
        this.happen(
          {
            type: 'model.requested',
            conversation,
            call: this.#calls,
            profile: action.profile,
            model: 'm',
            purpose: action.diagnose ? 'diagnosis' : 'step',
          },
          {
            type: 'model.answered',
            conversation,
            call: this.#calls,
            text: '',
            calls: calls.map((call, index) => ({
              id: `c${this.#calls}-${index}`,
              name: call.name,
              arguments: JSON.stringify(call.args ?? {}),
            })),
            stop: calls.length ? 'calls' : 'end',
            model: 'm',
            purpose: action.diagnose ? 'diagnosis' : 'step',
            usage: { inputTokens: 100, cachedInputTokens: 0, outputTokens: 10, reasoningTokens: 0 },
            costUSD: 0.01,
            durationMs: 1,
          },
        );
        if (action.diagnose) this.happen({ type: 'note.added', conversation, reason: 'diagnosis', text: 'Look elsewhere.' });
        break;
      case 'run-tool':
        this.#tool(action.call.id, action.call.name, conversation);
        break;
      case 'reset-worktree':
        this.happen(...action.events);
        break;
      case 'commit':
        this.#commits++;
        this.happen({
          type: 'worktree.committed',
          iteration: this.state.iteration,
          commit: `commit-${this.#commits}`,
          tree: `tree-${this.#commits}`,
          filesChanged: 1,
          additions: 1,
          deletions: 1,
        });
        break;
      case 'verify':
        if ('tree' in action.on) this.check(action.command, action.on.tree, 0, action.on.stage);
        else this.#passesAside(action);
        break;
      case 'isolate-tests':
        this.#passesAside(action);
        break;
      case 'publish':
        this.happen({
          type: 'publish.finished',
          branch: 'swe-agent/x',
          commit: action.commit,
          pushed: true,
          message: '',
          bundle: { blob: 'b', bytes: 1 },
          patch: { blob: 'p', bytes: 1 },
          filesChanged: 1,
          additions: 1,
          deletions: 1,
          summary: 'done',
        });
        break;
      default:
        break;
    }
    return action;
  }

  check(command: string, tree: string, exitCode: number, stage?: CheckStage): this {
    const run = { tree, command, op: `check-${this.state.verifications + 1}`, ...(stage === undefined ? {} : { stage }) };
    const before = this.state.baseline.find((one) => one.command === command);
    const change = stage === 'before' ? undefined : compareRuns(before && { ...before, output: '' }, { exitCode, output: '' });
    return this.happen(
      { type: 'verification.started', ...run, sandboxUid: 'box-1' },
      {
        type: 'verification.recorded',
        ...run,
        exitCode,
        durationMs: 1,
        output: '',
        counted: exitCode === 0,
        ...(change === undefined ? {} : { change }),
      },
    );
  }

  #tool(callId: string, name: string, conversation: string): void {
    const finished: EventBody = { type: 'tool.finished', conversation, callId, name, outcome: 'ok', result: 'ok', durationMs: 1 };
    const ended: EventBody = { type: 'conversation.ended', conversation, reason: 'submitted' };
    const { plan, iteration, commit, questions } = this.state;
    switch (name) {
      case 'submit_plan': {
        const steps = [{ id: 'a', title: 'Mend it', status: 'pending' as const }];
        this.happen(
          finished,
          { type: 'plan.submitted', revision: (plan?.revision ?? 0) + 1, title: 'Mend', steps, checks: ['npm test'] },
          ended,
        );
        break;
      }
      case 'finish':
        this.happen(finished, { type: 'programmer.finished', iteration, summary: 'done' }, ended);
        break;
      case 'approve':
      case 'request_changes':
        this.happen(
          finished,
          {
            type: 'review.submitted',
            iteration,
            tree: commit?.tree ?? '',
            by: 'reviewer',
            verdict: name,
            findings: name === 'approve' ? [] : [{ file: 'a.js', problem: 'wrong' }],
            summary: '',
          },
          ended,
        );
        break;
      case 'ask_user':
        this.happen(
          { type: 'question.asked', id: `q${questions + 1}`, text: 'Which?', conversation, callId },
          { type: 'phase.entered', phase: 'WaitingForUser', reason: 'QuestionAsked', message: 'Which?' },
        );
        break;
      default:
        this.happen(
          { type: 'tool.started', conversation, callId, name, op: callId, sandboxUid: 'box-1', summary: name },
          finished,
        );
    }
  }

  /** Goes on until the session is in the phase, answering each model call with the role's ending tool. */
  until(phase: SessionState['phase']): this {
    for (let guard = 0; guard < 60; guard++) {
      if (this.state.phase === phase) return this;
      const role = this.state.conversation?.role;
      const ending = role === 'planner' ? 'submit_plan' : role === 'programmer' ? 'finish' : 'approve';
      const action = this.next();
      if (this.state.phase === phase) return this;
      if (action.do === 'idle') throw new Error(`idle in ${this.state.phase}`);
      this.go([{ name: ending }]);
    }
    throw new Error(`never came to ${phase}; it is in ${this.state.phase}`);
  }
}
