/** What an operator of the system sees: metrics, the process's log, kubectl; and what the system asks of the Kubernetes API. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { type Housed, SANDBOX_KINDS } from '../support/sandbox-kinds.ts';
import { approve, bash, finish, Gate, plan, write } from '../support/scripted-sessions.ts';
import type { System } from '../support/system.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
/** Model calls of the long session: a plan, the steps, a review. */
const STEPS = 50;
const MOST_WRITES = 25;
/** The Events of a session that meets no obstacle. */
const STORY = [
  'ProfileResolved',
  'Started',
  'SandboxReady',
  'PlanReady',
  'IterationStarted',
  'ChecksPassed',
  'ReviewApproved',
  'Published',
  'Completed',
];

const withKubectl = itWithKubectl();

type Sample = { name: string; labels: Record<string, string>; value: number };

describe.each(SANDBOX_KINDS)('with commands in $name,', (kind) => {
  let housed: Housed;
  let system: System;
  let id: string;
  let before: Sample[];
  let after: Sample[];
  let elapsedMs: number;

  beforeAll(async () => {
    housed = await kind.start({ env: { LOG_FORMAT: 'json' } });
    ({ system } = housed);
    const work = Array.from({ length: STEPS - 4 }, (_, at) => bash(`echo ${at}`));
    const goal = system.model.on('Greet at length', {
      plan: [plan()],
      work: [...work, write('greeting.txt', 'hello\n'), finish()],
      review: [approve()],
    });
    before = await metrics();
    const begin = performance.now();
    const repository = await system.repository('greeter');
    const { body } = await system.request<{ session_id: string }>(
      'POST',
      '/agent/sessions',
      { goal, repo_url: repository },
      { traceparent: `00-${TRACE}-b7ad6b7169203331-01` },
    );
    id = body.session_id;
    await system.completed(id);
    elapsedMs = performance.now() - begin;
    // The log is ahead of the status, and the status of the Events.
    after = await eventually('all to be written', async () => {
      const samples = await metrics();
      const events = sum(samples, 'swe_agent_kubernetes_requests_total', { verb: 'create', resource: 'events' });
      return sum(samples, 'swe_agent_sessions', { phase: 'Completed' }) === 1 && events >= STORY.length && samples;
    });
  });
  afterAll(() => housed.close());

  /** All samples that /metrics shows. */
  async function metrics(): Promise<Sample[]> {
    const { text } = await system.request('GET', '/metrics');
    return text.split('\n').flatMap((line) => {
      const [, name, labels = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === undefined) return [];
      const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text]);
      return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
    });
  }

  /** The sum of a metric's samples that have these labels. */
  function sum(samples: Sample[], name: string, labels: Record<string, string> = {}): number {
    const fits = (sample: Sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value);
    return samples.filter((sample) => sample.name === name && fits(sample)).reduce((total, { value }) => total + value, 0);
  }

  /** Of the long session. */
  const grown = (name: string, labels?: Record<string, string>) => sum(after, name, labels) - sum(before, name, labels);

  describe('the metrics of one machine', () => {
    it('count what a session did by kind, and name no session', async () => {
      expect(grown('swe_agent_model_calls_total', { provider: 'openai-compatible', outcome: 'answered' })).toBe(STEPS);
      expect(grown('swe_agent_model_call_duration_seconds_count', { model: 'scripted-stand-in' })).toBe(STEPS);
      const view = await system.view(id);
      expect(view.steps).toBe(STEPS);
      for (const kind of ['input', 'output']) expect(grown('swe_agent_model_tokens_total', { kind })).toBeGreaterThan(0);
      expect(grown('swe_agent_tool_calls_total', { tool: 'bash', outcome: 'ok' })).toBe(STEPS - 4);
      expect(grown('swe_agent_tool_call_duration_seconds_count', { tool: 'write_file' })).toBe(1);
      for (const phase of ['Queued', 'Provisioning', 'Planning', 'Programming', 'Reviewing', 'Publishing'])
        expect([phase, grown('swe_agent_session_phase_duration_seconds_count', { phase })]).toEqual([phase, 1]);
      expect(grown('swe_agent_session_first_model_call_seconds_count')).toBe(1);
      expect(grown('swe_agent_sessions_finished_total', { outcome: 'Completed' })).toBe(1);
      expect(grown('swe_agent_sandbox_provision_duration_seconds_count', { type: kind.type })).toBe(1);
      expect(grown('swe_agent_event_log_append_duration_seconds_count', { outcome: 'ok' })).toBeGreaterThan(STEPS);
      expect(sum(after, 'swe_agent_sessions', { phase: 'Completed' })).toBe(1);
      const labels = JSON.stringify(after.map(({ labels }) => labels));
      for (const name of [id, 'greeter', 'Greet']) expect(labels).not.toContain(name);
    });

    if (kind.first)
      it('show the queues, the event loop and the process', () => {
        expect(grown('swe_agent_reconciles_total', { controller: 'session', result: 'error' })).toBe(0);
        expect(grown('swe_agent_workqueue_adds_total', { controller: 'session' })).toBeGreaterThan(0);
        const names = new Set(after.map(({ name }) => name));
        for (const name of ['swe_agent_workqueue_depth', 'swe_agent_event_loop_delay_seconds', 'process_resident_memory_bytes'])
          expect(names).toContain(name);
      });

    if (kind.first)
      it('are all that the dashboard and the alerts of the chart ask for', async () => {
        const { text } = await system.request('GET', '/metrics');
        const there = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
        const chart = join(import.meta.dirname, '../../charts/swe-agent');
        const asking = ['files/dashboards/swe-agent.json', 'templates/monitoring.yaml'].map((name) =>
          readFileSync(join(chart, name), 'utf8'),
        );
        const asked = new Set(
          asking
            .flatMap((file) => file.match(/\bswe_agent_[a-z_]+/g) ?? [])
            .map((name) => name.replace(/_(count|sum|bucket)$/, '')),
        );
        // Only Redis has settings that are a risk.
        asked.delete('swe_agent_event_log_risks');
        expect(asked.size).toBeGreaterThan(15);
        expect([...asked].filter((name) => !there.has(name))).toEqual([]);
      });

    it('count a session that fails for want of its repository', async () => {
      const goal = system.model.on('Greet nowhere');
      const failed = await system.session(goal, system.path('nowhere'));
      expect((await system.end(failed)).status).toBe('FAILED');
      expect(sum(await metrics(), 'swe_agent_sessions_finished_total', { outcome: 'Failed' })).toBe(1);
    });
  });

  describe('a session of many steps', () => {
    it(`asks at most ${MOST_WRITES} writes of the Kubernetes API, its own creation included, and few reconciles`, () => {
      const verbs = ['create', 'update', 'patch', 'delete'];
      const requests = after.filter(
        ({ name, labels }) => name === 'swe_agent_kubernetes_requests_total' && verbs.includes(labels.verb ?? ''),
      );
      const writes = requests
        .map(({ name, labels }) => ({ ...labels, count: grown(name, labels) }))
        .filter(({ count }) => count > 0);
      const reconciles = (controller: string) => grown('swe_agent_reconciles_total', { controller });
      const told = writes.map(({ count, ...labels }) => `${count} × ${Object.values(labels).join(' ')}`);
      const total = writes.reduce((sum, { count }) => sum + count, 0);
      console.info(
        `${STEPS} steps in ${Math.round(elapsedMs)} ms: ${reconciles('session')} reconciles of the session, ${reconciles('profile')} of profiles, ${total} writes: ${told.join(', ')}`,
      );
      expect(grown('swe_agent_kubernetes_requests_total', { verb: 'create', resource: 'agentsessions' })).toBe(1);
      // Counters are written every ten seconds at most, which only a very slow machine notices.
      const late = Math.floor(elapsedMs / 10_000);
      expect(total).toBeLessThanOrEqual(MOST_WRITES + late);
      // A status that was written is looked at again; a step is not.
      expect(reconciles('session')).toBeLessThan(STEPS + 2 * late);
    });
  });

  describe('the log of the process', () => {
    type Line = Record<string, unknown>;
    const lines = (): Line[] =>
      system.output
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line));
    /** The lines of a session that is over, once all have come. */
    const linesOf = (id: string) =>
      eventually('the last line', () => {
        const own = lines().filter(({ session }) => session === id);
        return own.at(-1)?.message === 'session finished' && own;
      });

    withKubectl('tells the turns of a session, each with its names and the trace of the request that made it', async () => {
      const { out } = await system.kubectl(['get', 'ags', id, '-o', 'jsonpath={.metadata.uid}']);
      const own = await linesOf(id);
      for (const line of own) {
        expect(line).toMatchObject({ namespace: 'default', uid: out, trace: TRACE, level: 'info' });
        expect(Object.keys(line).slice(0, 3)).toEqual(['time', 'level', 'message']);
      }
      const turns = own.map(({ message, phase }) => (phase === undefined ? message : `${message}: ${phase}`));
      expect(turns).toEqual([
        'session requested',
        'session started',
        ...['Provisioning'].map((phase) => `session entered a phase: ${phase}`),
        'sandbox ready',
        ...['Planning', 'Programming', 'Reviewing', 'Publishing'].map((phase) => `session entered a phase: ${phase}`),
        'result published',
        'session finished: Completed',
      ]);
    });

    if (kind.first)
      withKubectl('has a trace for a session that no request with one made', async () => {
        const made = await system.session(system.model.on('Greet untraced'), await system.repository('untraced'));
        await system.completed(made);
        const { out } = await system.kubectl(['get', 'ags', made, '-o', 'jsonpath={.metadata.uid}']);
        const traces = (await linesOf(made)).map(({ trace }) => trace);
        expect(new Set(traces)).toEqual(new Set([out.replaceAll('-', '')]));
      });
  });

  describe('a restart', () => {
    it('looks at every session once, and writes nothing about those that rest', async () => {
      const resting = await eventually('every session to be at rest by its status', async () => {
        const now = await metrics();
        const ended = ['Completed', 'Failed'].reduce((total, phase) => total + sum(now, 'swe_agent_sessions', { phase }), 0);
        return ended === sum(now, 'swe_agent_sessions') && ended;
      });
      await system.stop();
      await system.start();
      const samples = await eventually('every session to be looked at', async () => {
        const now = await metrics();
        const seen = sum(now, 'swe_agent_reconciles_total', { controller: 'session' });
        return seen >= resting && sum(now, 'swe_agent_workqueue_depth') === 0 && now;
      });
      expect(resting).toBeGreaterThan(1);
      for (const resource of ['agentsessions', 'agentsessions/status', 'events'])
        for (const verb of ['create', 'patch', 'update', 'delete'])
          expect([verb, resource, sum(samples, 'swe_agent_kubernetes_requests_total', { verb, resource })]).toEqual([
            verb,
            resource,
            0,
          ]);
    });
  });

  describe('kubectl', () => {
    if (kind.first)
      withKubectl('shows at a glance what every session does, and why', async () => {
        const { model } = system;
        const repository = await system.repository('several');
        const gate = new Gate();
        const held = await system.session(model.on('Hold', { hold: gate }), repository);
        const waits = await system.session(model.on('Wait'), repository, { mode: 'review' });
        const cancelled = await system.session(model.on('Cancel'), repository, { mode: 'review' });
        const queued = await system.session(model.on('Queue'), repository, { profile: 'missing' });
        const paused = await system.session(model.on('Limit'), repository, { limits: { max_steps: 1 } });
        for (const one of [waits, paused, cancelled]) await system.end(one);
        await system.act(cancelled, 'cancel');
        await system.until(cancelled, 'the end', ({ status }) => status === 'CANCELLED');
        await system.until(queued, 'the reason', ({ reason }) => reason !== null);
        await gate.reached();
        const shown = async (...args: string[]) => {
          const { out } = await system.kubectl(['get', 'ags', ...args]);
          return new Map(out.split('\n').map((line) => [line.split(/ +/, 1)[0] ?? '', line.split(/ {2,}/).slice(1)]));
        };
        const expected = new Map([
          ['NAME', ['PHASE', 'REASON', 'STEPS']],
          [id, ['Completed', 'Verified', String(STEPS)]],
          [held, ['Planning', 'RepositoryReady', '0']],
          [waits, ['WaitingForUser', 'WaitingForApproval', '1']],
          [cancelled, ['Cancelled', 'CancelledByUser', '1']],
          [queued, ['Queued', 'ProfileNotFound']],
          [paused, ['Paused', 'LimitReached', '1']],
        ]);
        let rows = new Map<string, string[]>();
        const seen = () => new Map([...expected].map(([name, { length }]) => [name, rows.get(name)?.slice(0, length)]));
        await eventually('the columns', async () => {
          rows = await shown();
          return isDeepStrictEqual(seen(), expected);
        }).catch(() => undefined);
        expect(seen()).toEqual(expected);
        expect(rows.get('NAME')?.slice(3)).toEqual(['COST', 'BRANCH', 'AGE']);
        // The price of the stand-in is not known, so the column of costs is empty.
        expect(rows.get(id)).toContainEqual(expect.stringMatching(/^swe-agent\/greet-/));
        const wide = (await shown('-o', 'wide')).get('NAME');
        expect(wide?.slice(6)).toEqual(['AUTHOR', 'REPOSITORY', 'GOAL', 'MESSAGE']);
        expect((await system.kubectl(['describe', 'ags', cancelled])).out).not.toMatch(/waits for approval: set/);
        gate.open();
        await system.completed(held);
      });

    withKubectl('waits for the end, and tells the story of it', async () => {
      const made = await system.session(system.model.on('Greet and be waited for'), await system.repository('waited'));
      const waited = await system.kubectl(['wait', '--for=condition=Finished', `ags/${made}`, '--timeout=150s']);
      expect(waited).toMatchObject({ code: 0, out: expect.stringContaining('condition met') });
      const described = await system.described(made, /Normal +Completed/);
      const events = described.slice(described.indexOf('Events:')).split('\n');
      const reasons = events.flatMap((line) => /^ +(?:Normal|Warning) +(\w+)/.exec(line)?.[1] ?? []);
      // On a busy machine a phase may be over before it is written down, and not every machine can isolate commands.
      expect(reasons.filter((reason) => reason !== 'Reviewing' && reason !== 'NotIsolated')).toEqual(STORY);
    });

    withKubectl('deletes at once, and nothing is left', async () => {
      const gate = new Gate();
      const made = await system.session(system.model.on('Delete', { hold: gate }), await system.repository('deleted'));
      await gate.reached();
      const deleted = await system.kubectl(['delete', 'ags', made, '--timeout=30s']);
      expect(deleted).toMatchObject({ code: 0, out: expect.stringContaining('deleted') });
      expect((await system.kubectl(['get', 'ags', made])).err).toContain('NotFound');
      gate.open();
      await system.clear();
    });
  });
});
