import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AgentSession, API_VERSION, RESOURCES } from '../operator/api/resources.ts';
import { NAMESPACE, TestGateway } from '../test/support/gateway.ts';
import { COMPLETED_STATUS, PLAN, PUBLISHED } from '../test/support/session-events.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const BODY = {
  goal: 'Refactor the login function in auth.py to use async/await',
  repo_url: 'https://github.com/example/my-repo.git',
};

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start();
});
afterAll(() => gateway.close());

describe.each([
  ['sessions', 'session_id', 'Starting session...'],
  ['tasks', 'task_id', 'Starting task...'],
])('the %s endpoints', (family, idField, firstLine) => {
  it('start a piece of work with the body of the guide and answer with its id alone', async () => {
    const answer = await gateway.post(`/agent/${family}`, BODY);
    expect(answer.status).toBe(201);
    expect(answer.json()).toEqual({ [idField]: expect.stringMatching(UUID) });
    expect(answer.headers.location).toMatch(new RegExp(`^/agent/${family}/[0-9a-f-]{36}$`));
  });

  it('show a piece of work that nobody has begun yet', async () => {
    const created = await gateway.post(`/agent/${family}`, BODY);
    const answer = await gateway.get(created.headers.location ?? '');
    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({ status: 'QUEUED', logs: [firstLine], result: null, goal: BODY.goal, mode: 'auto' });
    expect(Object.keys(Object(answer.json())).slice(0, 4)).toEqual(['id', 'status', 'logs', 'result']);
  });

  it('show the log with the lines of the guide', async () => {
    const created = await gateway.post(`/agent/${family}`, BODY);
    const id = created.headers.location?.split('/').at(-1) ?? '';
    await gateway.happen(
      id,
      { type: 'session.started', goal: BODY.goal, repository: { url: BODY.repo_url }, mode: 'auto' },
      { type: 'phase.entered', phase: 'Provisioning', reason: 'Started', message: '' },
      { type: 'repository.requested', url: BODY.repo_url },
      { type: 'phase.entered', phase: 'Planning', reason: 'RepositoryReady', message: '' },
      PLAN,
      { type: 'iteration.started', iteration: 1 },
      { type: 'phase.entered', phase: 'Programming', reason: 'PlanReady', message: 'Working through the plan.' },
    );
    expect((await gateway.get(`/agent/${family}/${id}`)).json()).toMatchObject({
      status: 'RUNNING',
      phase: 'Programming',
      result: null,
      message: 'Working through the plan.',
      logs: expect.arrayContaining([
        firstLine,
        'Cloning repo...',
        'PLANNER: Generating plan...',
        'PROGRAMMER: Executing plan...',
      ]),
    });
  });
});

describe('sessions', () => {
  it('become an object with everything that the request says', async () => {
    const id = await gateway.started({
      mode: 'review',
      ref: 'develop',
      depth: 0,
      credentials_secret: 'git',
      profile: 'fast',
      role_profiles: { reviewer: 'strong' },
      priority: 5,
      sandbox: {
        type: 'pod',
        runtime_class_name: 'kata',
        node_selector: { diskType: 'ssd' },
        network: { proxy: { no_proxy: 'a' } },
      },
      inputs: [{ message: 'Mind the tests.', when: 'next-step' }],
      verify: ['npm test'],
      limits: { max_steps: 50, max_cost_usd: 1.5 },
      publish: { branch: 'fix/sum', allow_base_branch: true },
      ttl_seconds_after_finished: 3600,
    });
    const { spec, metadata } = await gateway.object(id);
    expect(metadata.labels).toBeUndefined();
    expect(spec).toMatchObject({
      goal: 'Mend the sum',
      author: 'ada',
      mode: 'review',
      repository: { url: 'https://example.com/r.git', ref: 'develop', depth: 0, credentialsSecretRef: { name: 'git' } },
      profileRef: { name: 'fast' },
      roleProfiles: { reviewer: 'strong' },
      priority: 5,
      sandbox: { type: 'pod', runtimeClassName: 'kata', nodeSelector: { diskType: 'ssd' }, network: { proxy: { noProxy: 'a' } } },
      inputs: [
        {
          id: expect.stringMatching(UUID),
          message: 'Mind the tests.',
          when: 'next-step',
          author: 'ada',
          time: expect.any(String),
        },
      ],
      verify: ['npm test'],
      limits: { maxSteps: 50, maxCostUSD: 1.5 },
      publish: { branch: 'fix/sum', allowBaseBranch: true },
      ttlSecondsAfterFinished: 3600,
    });
  });

  it('carry the door through which they came when it was that of the tasks', async () => {
    const answer = await gateway.post('/agent/tasks', BODY);
    const { metadata } = await gateway.object(answer.headers.location?.split('/').at(-1) ?? '');
    expect(metadata.labels).toEqual({ 'sweagent.dev/door': 'tasks' });
  });

  it('say why they wait', async () => {
    const id = await gateway.started();
    const message = 'No profile is set up; create an AIProfile.';
    await gateway.setStatus(id, {
      phase: 'Queued',
      conditions: [
        { type: 'ProfileResolved', status: 'False', reason: 'NoProfile', message, lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
    });
    expect((await gateway.get(`/agent/sessions/${id}`)).json()).toMatchObject({ status: 'QUEUED', reason: 'NoProfile', message });
  });

  it('show their result once the object has it, and not a moment before', async () => {
    const id = await gateway.started();
    const events = await gateway.happen(
      id,
      { type: 'session.started', goal: 'g', repository: { url: 'u' }, mode: 'auto' },
      PUBLISHED,
      { type: 'session.finished', outcome: 'Completed', reason: 'Verified', message: 'Reviewed, and the checks passed.' },
    );
    expect((await gateway.get(`/agent/sessions/${id}`)).json()).toMatchObject({ status: 'RUNNING', result: null });

    const lastSeq = events.at(-1)?.seq ?? 0;
    await gateway.setStatus(id, { ...COMPLETED_STATUS, log: { epoch: 1, lastSeq } });
    expect((await gateway.get(`/agent/sessions/${id}`)).json()).toMatchObject({
      status: 'COMPLETED',
      result: {
        summary: 'The sum is right.',
        branch: 'swe-agent/x',
        commit: 'c0ffee',
        pushed: true,
        files_changed: 1,
        additions: 2,
        deletions: 1,
        verified: true,
        evidence: [{ command: 'npm test', exit_code: 0, duration_ms: 1200, tree: 'abc', counted: true }],
      },
    });
  });

  it('are running again as soon as a message came after they had completed', async () => {
    const id = await gateway.started();
    await gateway.happen(id, { type: 'session.started', goal: 'g', repository: { url: 'u' }, mode: 'auto' });
    await gateway.setStatus(id, { ...COMPLETED_STATUS, log: { epoch: 1, lastSeq: 1 } });
    await gateway.post(`/agent/sessions/${id}/input`, { message: 'And the README.' });
    expect((await gateway.get(`/agent/sessions/${id}`)).json()).toMatchObject({ status: 'RUNNING', result: null });
  });

  it('are refused with a credential in their address also when they are made as objects, and it is not repeated', async () => {
    const made = gateway.kube.create<AgentSession>(RESOURCES.sessions, {
      apiVersion: API_VERSION,
      kind: 'AgentSession',
      metadata: { name: 'made-with-kubectl', namespace: NAMESPACE },
      spec: { goal: 'g', repository: { url: 'https://ada:hunter2@example.com/r.git' } },
    });
    const refusal = await made.then(
      () => 'it was made',
      (error: unknown) => String(error),
    );
    expect(refusal).toContain('repository.url has a credential in it; remove it');
    expect(refusal).not.toContain('hunter2');
    expect((await gateway.get('/agent/sessions/made-with-kubectl')).status).toBe(404);
  });

  it('are started once for one Idempotency-Key', async () => {
    const start = (goal: string, key: string) =>
      gateway.post('/agent/sessions', { goal, repo_url: BODY.repo_url }, { 'Idempotency-Key': key });
    const first = await start('once', 'k1');
    const again = await start('once', 'k1');
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.json()).toEqual(first.json());
    expect(first.json()).toEqual({ session_id: expect.stringMatching(UUID) });
    expect((await start('another', 'k1')).status).toBe(409);
    expect((await start('once', 'k2')).json()).not.toEqual(first.json());
  });

  it('that are asked for at the same time under one key are one', async () => {
    const start = () => gateway.post('/agent/sessions', BODY, { 'Idempotency-Key': 'at-once' });
    const answers = await Promise.all([start(), start(), start()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  it('are deleted', async () => {
    const id = await gateway.started();
    expect((await gateway.send(`/agent/sessions/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await gateway.get(`/agent/sessions/${id}`)).status).toBe(404);
  });
});
