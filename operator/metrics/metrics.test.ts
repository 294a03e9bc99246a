import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { aSession } from '../../test/support/objects.ts';
import type { EventBody, SessionEvent } from '../engine/events.ts';
import { apply } from '../engine/fold.ts';
import { type EventLog, FencedError, LogUnavailableError } from '../engine/log.ts';
import { INITIAL_STATE } from '../engine/state.ts';
import { ModelError, type ModelProvider } from '../llm/provider.ts';
import { type SandboxTransport, SandboxUnavailableError } from '../sandbox/transport.ts';
import { boundedLabel } from './bounded-label.ts';
import { requestKind } from './kubernetes-metrics.ts';
import { measuredLog } from './log-metrics.ts';
import { ModelMetrics } from './model-metrics.ts';
import { SandboxMetrics } from './sandbox-metrics.ts';
import { SessionMetrics } from './session-metrics.ts';

/** The samples of a registry whose names begin so, without buckets. */
async function samples(registry: Registry, prefix: string): Promise<Record<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith(prefix) && !line.includes('_bucket'));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

describe('a request to the Kubernetes API', () => {
  it.each([
    ['GET', '/api/v1/namespaces/a/secrets?labelSelector=x', 'list secrets'],
    ['GET', '/apis/sweagent.dev/v1alpha1/agentsessions?watch=true&resourceVersion=1', 'watch agentsessions'],
    ['GET', '/apis/sweagent.dev/v1alpha1/namespaces/a/agentsessions/s', 'get agentsessions'],
    ['PATCH', '/apis/sweagent.dev/v1alpha1/namespaces/a/agentsessions/s/status', 'patch agentsessions/status'],
    ['POST', '/apis/events.k8s.io/v1/namespaces/a/events', 'create events'],
    ['PUT', '/api/v1/namespaces/a/pods/p', 'update pods'],
    ['DELETE', '/api/v1/namespaces/a/pods/p', 'delete pods'],
    ['GET', '/api/v1/namespaces', 'list namespaces'],
    ['GET', '/api/v1/namespaces/a', 'get namespaces'],
  ] as const)('%s %s is told as "%s"', (method, path, kind) => {
    const { verb, resource } = requestKind(method, path);
    expect(`${verb} ${resource}`).toBe(kind);
  });
});

describe('a label whose values come from outside', () => {
  it('has as many values as it may have, and one for all others', () => {
    const label = boundedLabel(2);
    expect(['a', 'b', 'a', 'c', 'd', 'b'].map(label)).toEqual(['a', 'b', 'a', 'other', 'other', 'b']);
  });
});

describe('the life of a session', () => {
  it('is measured by the time in each phase, also over a pause and by whoever has the session then', async () => {
    const registry = new Registry();
    let metrics = new SessionMetrics(registry);
    const session = aSession({}, undefined, { creationTimestamp: '2026-01-01T00:00:00Z' });
    let state = INITIAL_STATE;
    const happen = (second: number, ...bodies: EventBody[]) => {
      const before = state;
      const events = bodies.map((body): SessionEvent => {
        const time = new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
        const event = { ...body, time, seq: state.lastSeq + 1, epoch: 1, format: 1 };
        state = apply(state, event);
        return event;
      });
      metrics.stored(session, events, before, state);
    };
    const enter = (phase: 'Provisioning' | 'Planning' | 'WaitingForUser'): EventBody => ({
      type: 'phase.entered',
      phase,
      reason: 'R',
      message: '',
    });
    happen(4, { type: 'session.started', goal: 'g', repository: { url: 'u' }, mode: 'auto' }, enter('Provisioning'));
    happen(6, enter('Planning'));
    const asked = { type: 'model.requested', conversation: 'c', call: 1, profile: 'p', model: 'm', purpose: 'step' } as const;
    happen(
      7,
      {
        type: 'conversation.started',
        conversation: 'c',
        role: 'planner',
        profile: 'p',
        model: 'm',
        promptVersion: '1',
        system: 's',
        opening: 'o',
      },
      asked,
    );
    happen(8, { type: 'model.failed', conversation: 'c', call: 1, class: 'transient', message: 'busy' });
    happen(9, asked);
    happen(16, { type: 'session.paused', reason: 'Suspended', message: '', resumeCounter: 0 });
    // Another operator goes on.
    const second = new Registry();
    metrics = new SessionMetrics(second);
    happen(36, { type: 'session.resumed', resumeCounter: 0 });
    happen(40, enter('WaitingForUser'));
    happen(41, asked);
    expect(await samples(second, 'swe_agent_session')).toMatchObject({
      'swe_agent_session_phase_duration_seconds_sum{phase="Paused"}': 20,
      'swe_agent_session_phase_duration_seconds_sum{phase="Planning"}': 4,
      swe_agent_session_first_model_call_seconds_count: 0,
    });
    expect(await samples(registry, 'swe_agent_session')).toMatchObject({
      'swe_agent_session_phase_duration_seconds_sum{phase="Queued"}': 4,
      'swe_agent_session_phase_duration_seconds_sum{phase="Provisioning"}': 2,
      'swe_agent_session_phase_duration_seconds_sum{phase="Planning"}': 10,
      swe_agent_session_first_model_call_seconds_sum: 3,
      swe_agent_session_first_model_call_seconds_count: 1,
      'swe_agent_sessions_paused_total{reason="Suspended"}': 1,
    });
  });
});

describe('calls of a model', () => {
  it('are counted by what came of them, with their tokens and cost', async () => {
    const registry = new Registry();
    const metrics = new ModelMetrics(registry);
    const usage = { inputTokens: 1_000, cachedInputTokens: 400, outputTokens: 100, reasoningTokens: 0 };
    const outcomes: unknown[] = [
      undefined,
      new ModelError('transient', 'busy'),
      new ModelError('quota', 'no money'),
      new Error('x'),
    ];
    const provider: ModelProvider = {
      call: async () => {
        const outcome = outcomes.shift();
        if (outcome !== undefined) throw outcome;
        return { text: '', calls: [], stop: 'end', usage, model: 'm' };
      },
    };
    const pricing = { inputPerMillion: 10, cachedInputPerMillion: 1, cacheWritePerMillion: 10, outputPerMillion: 100 };
    const measured = metrics.measured({ provider: 'openai', model: 'm', pricing }, provider);
    const request = { model: 'm', system: '', messages: [], tools: [], toolChoice: 'auto' as const };
    const call = (signal = new AbortController().signal) => measured.call(request, { signal }).catch(() => undefined);
    for (let at = 0; at < 4; at++) await call();
    outcomes.push(new Error('aborted'));
    await call(AbortSignal.abort());
    const labels = 'provider="openai",model="m"';
    expect(await samples(registry, 'swe_agent_model')).toMatchObject({
      [`swe_agent_model_calls_total{${labels},outcome="answered"}`]: 1,
      [`swe_agent_model_calls_total{${labels},outcome="transient"}`]: 1,
      [`swe_agent_model_calls_total{${labels},outcome="quota"}`]: 1,
      [`swe_agent_model_calls_total{${labels},outcome="error"}`]: 1,
      [`swe_agent_model_calls_total{${labels},outcome="interrupted"}`]: 1,
      [`swe_agent_model_call_duration_seconds_count{${labels}}`]: 1,
      [`swe_agent_model_tokens_total{${labels},kind="input"}`]: 600,
      [`swe_agent_model_tokens_total{${labels},kind="cached_input"}`]: 400,
      [`swe_agent_model_tokens_total{${labels},kind="output"}`]: 100,
      [`swe_agent_model_cost_usd_total{${labels}}`]: expect.closeTo(0.0164, 6),
    });
  });
});

describe('sandboxes and the event log', () => {
  it('are counted by why they could not be had', async () => {
    const registry = new Registry();
    const failing = (error: Error): Pick<SandboxTransport, 'type' | 'provision'> => ({
      type: 'pod',
      provision: async () => {
        throw error;
      },
    });
    const rest = {
      find: async () => undefined,
      dispose: async () => undefined,
      quiesce: async () => undefined,
      listOrphans: async () => [],
    };
    const metrics = new SandboxMetrics(registry);
    const owner = { uid: 'u', name: 's', namespace: 'n' };
    for (const error of [new SandboxUnavailableError('ImagePullBackOff', 'm', { permanent: false }), new Error('x')]) {
      const transport = metrics.measured({ ...failing(error), ...rest });
      await expect(transport.provision(owner, {}, new AbortController().signal)).rejects.toBe(error);
      // What the session itself gave up is no failure.
      await expect(transport.provision(owner, {}, AbortSignal.abort())).rejects.toBe(error);
    }
    expect(await samples(registry, 'swe_agent_sandbox_failures')).toEqual({
      'swe_agent_sandbox_failures_total{type="pod",reason="ImagePullBackOff"}': 1,
      'swe_agent_sandbox_failures_total{type="pod",reason="Error"}': 1,
    });
  });

  it('are counted by how an append ended', async () => {
    const registry = new Registry();
    const errors = [new FencedError('f'), new LogUnavailableError('u'), new Error('x')];
    const unused = () => {
      throw new Error('not asked for');
    };
    const log: EventLog = {
      append: async () => {
        const error = errors.shift();
        if (error) throw error;
        return [];
      },
      claim: unused,
      untilFree: unused,
      renew: unused,
      release: unused,
      read: unused,
      head: unused,
      subscribe: unused,
      delete: unused,
      sessions: unused,
      close: unused,
    };
    const measured = measuredLog(log, registry);
    for (let at = 0; at < 4; at++) await measured.append('u', 1, 0, []).catch(() => undefined);
    const counts = await samples(registry, 'swe_agent_event_log_append_duration_seconds_count');
    expect(counts).toEqual(
      Object.fromEntries(
        ['fenced', 'unavailable', 'error', 'ok'].map((outcome) => [
          `swe_agent_event_log_append_duration_seconds_count{outcome="${outcome}"}`,
          1,
        ]),
      ),
    );
  });
});
