import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RESOURCES } from '../operator/api/resources.ts';
import { NAMESPACE, TestGateway } from '../test/support/gateway.ts';
import { COMPLETED_STATUS, PLAN } from '../test/support/session-events.ts';

const STARTED = { type: 'session.started', goal: 'g', repository: { url: 'u' }, mode: 'review' } as const;
const WAITING = { type: 'phase.entered', phase: 'WaitingForUser', reason: 'PlanReady', message: 'Plan 1 waits.' } as const;
const PROGRAMMING = { type: 'phase.entered', phase: 'Programming', reason: 'PlanApproved', message: '' } as const;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start();
});
afterAll(() => gateway.close());

const act = (id: string, action: string, body?: unknown, headers?: Record<string, string>) =>
  gateway.post(`/agent/sessions/${id}/${action}`, body, headers);

/** A session in review mode whose plan waits for approval, as only the log says so far. */
async function waiting(): Promise<string> {
  const id = await gateway.started({ mode: 'review' });
  await gateway.happen(id, STARTED, PLAN, WAITING);
  return id;
}

describe('approve', () => {
  it('approves the plan that is shown, as soon as the log shows it', async () => {
    const id = await waiting();
    expect((await gateway.get(`/agent/sessions/${id}`)).json()).toMatchObject({
      status: 'WAITING_FOR_USER',
      plan: { revision: 1, waiting_for_approval: true },
      logs: expect.arrayContaining(['PLAN 1: Mend the sum', '  1. Write a test', '     It fails first.']),
    });
    const answer = await act(id, 'approve');
    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({ id, status: 'RUNNING', revision: 1 });
    expect((await gateway.object(id)).spec.approvedPlan).toBe(1);
  });

  it('approves the plan that the status shows', async () => {
    const id = await gateway.started({ mode: 'review' });
    await gateway.setStatus(id, { phase: 'WaitingForUser', plan: { revision: 3, title: 't', steps: [] } });
    expect((await act(id, 'approve', { revision: 3 })).json()).toMatchObject({ revision: 3 });
  });

  it('answers twice alike, also when the session has gone on', async () => {
    const id = await waiting();
    await act(id, 'approve');
    expect((await act(id, 'approve', { revision: 1 })).status).toBe(200);
    await gateway.happen(id, { type: 'plan.approved', revision: 1, by: 'ada' }, PROGRAMMING);
    const again = await act(id, 'approve');
    expect(again.status).toBe(200);
    expect(again.json()).toMatchObject({ status: 'RUNNING', message: 'Plan 1 was approved before.' });
  });

  it('refuses an old revision and one that does not exist', async () => {
    const id = await waiting();
    await gateway.happen(id, { ...PLAN, revision: 2 }, WAITING);
    const old = await act(id, 'approve', { revision: 1 });
    expect(old.status).toBe(409);
    expect(old.json()).toMatchObject({
      type: 'urn:swe-agent:problem:stale-revision',
      detail: expect.stringContaining('approve revision 2'),
    });
    expect((await act(id, 'approve', { revision: 3 })).status).toBe(409);
    expect((await gateway.object(id)).spec.approvedPlan).toBeUndefined();
  });

  it.each([
    ['nobody has begun', async () => gateway.started({ mode: 'review' })],
    [
      'it works',
      async () => {
        const id = await gateway.started();
        await gateway.happen(id, STARTED, PLAN, PROGRAMMING);
        return id;
      },
    ],
    [
      'it waits for an answer',
      async () => {
        const id = await waiting();
        await gateway.happen(id, { type: 'question.asked', id: 'q1', text: 'Which one?' });
        return id;
      },
    ],
  ])('is a conflict when %s', async (_, session) => {
    const answer = await act(await session(), 'approve');
    expect(answer.status).toBe(409);
    expect(answer.json()).toMatchObject({ type: 'urn:swe-agent:problem:nothing-to-approve' });
  });

  it.each([0, 1.5, '1', true])('refuses the revision %j', async (revision) => {
    const answer = await act(await waiting(), 'approve', { revision });
    expect(answer.status).toBe(422);
    expect(answer.json()).toMatchObject({ errors: [{ field: 'revision' }] });
  });

  it('succeeds although the operator writes the status at the same time', async () => {
    const id = await waiting();
    const writes = Array.from({ length: 20 }, (_, index) => gateway.setStatus(id, { phase: 'Planning', steps: index }));
    const [answer] = await Promise.all([act(id, 'approve'), ...writes]);
    expect(answer.status).toBe(200);
  });
});

describe('input', () => {
  it('adds a message and says what becomes of it', async () => {
    const id = await gateway.started();
    const answer = await act(id, 'input', { message: 'Please also update the README.' });
    expect(answer.status).toBe(202);
    expect(answer.json()).toMatchObject({ id, status: 'QUEUED', message: 'It is part of the goal when planning starts.' });
    const [input] = (await gateway.object(id)).spec.inputs ?? [];
    expect(input).toMatchObject({ id: Object(answer.json()).input_id, message: 'Please also update the README.', author: 'ada' });
  });

  it.each([
    ['Planning', undefined, 'The planner reads it at its next step.'],
    ['WaitingForUser', undefined, 'The goal is updated and planning starts at once.'],
    ['Programming', undefined, 'It is queued: when this iteration ends, the goal is updated and planning starts again.'],
    ['Programming', 'next-step', 'It is read at the next step.'],
    ['Reviewing', 'now', 'It interrupts what is running and is read at once.'],
    ['Publishing', undefined, 'When the result is published, the goal is updated and planning starts again.'],
    ['Completed', undefined, 'The goal is updated and planning starts at once.'],
    ['Failed', undefined, 'The goal is updated and planning starts at once.'],
    ['Paused', undefined, 'It is kept and applied when the session is resumed.'],
  ] as const)('in phase %s with when %s: %s', async (phase, when, message) => {
    const id = await gateway.started();
    await gateway.setStatus(id, { phase });
    expect((await act(id, 'input', { message: 'm', when })).json()).toMatchObject({ message });
  });

  it('is the same message under the same id or Idempotency-Key', async () => {
    const id = await gateway.started();
    await act(id, 'input', { message: 'one' }, { 'Idempotency-Key': 'k1' });
    const again = await act(id, 'input', { message: 'one', id: 'k1' });
    expect(again.status).toBe(202);
    expect(again.json()).toMatchObject({ input_id: 'k1', message: 'The message was received before.' });
    expect((await gateway.object(id)).spec.inputs).toHaveLength(1);
    const other = await act(id, 'input', { message: 'two' }, { 'Idempotency-Key': 'k1' });
    expect(other.status).toBe(409);
  });

  it('answers the open question and no other', async () => {
    const id = await gateway.started();
    await gateway.setStatus(id, { phase: 'WaitingForUser', question: { id: 'q1', text: 'Which database?' } });
    const wrong = await act(id, 'input', { message: 'm', answer_to: 'q2' });
    expect(wrong.status).toBe(409);
    expect(wrong.json()).toMatchObject({ detail: expect.stringContaining('q1: Which database?') });
    expect((await act(id, 'input', { message: 'SQLite', answer_to: 'q1' })).status).toBe(202);
    expect((await gateway.object(id)).spec.inputs?.[0]).toMatchObject({ answerTo: 'q1' });
  });

  it('names the steps when a message is about one that is not in the plan', async () => {
    const answer = await act(await waiting(), 'input', { message: 'm', plan_step: 's9' });
    expect(answer.status).toBe(422);
    expect(answer.json()).toMatchObject({ errors: [{ field: 'plan_step', message: expect.stringContaining('s1, s2') }] });
  });

  it.each([
    [{}, 'message', 'is missing'],
    [{ message: '' }, 'message', 'must not be empty'],
    [{ message: ' \n' }, 'message', 'must not be blank'],
    [{ message: 'x'.repeat(8193) }, 'message', 'has 8193 characters; at most 8192'],
    [{ message: 5 }, 'message', 'must be a string, not 5'],
    [{ message: 'm', when: 'later' }, 'when', 'must be one of queued, next-step, now, not "later"'],
    [{ message: 'm', id: 'a b' }, 'id', 'must match'],
    [{ message: 'm', id: 7 }, 'id', 'must be a string'],
    [{ message: 'm', author: 'eve' }, 'author', 'is not a field'],
    [{ mesage: 'm' }, 'mesage', 'did you mean message?'],
    [{ message: 'm', answerTo: 'q' }, 'answerTo', 'did you mean answer_to?'],
  ])('refuses %j and names %s', async (body, field, message) => {
    const answer = await act(await gateway.started(), 'input', body);
    expect(answer.status).toBe(422);
    expect(answer.json()).toMatchObject({ errors: [{ field, message: expect.stringContaining(message) }] });
  });

  it('refuses the message after the last and says what to do', async () => {
    const id = await gateway.started();
    const inputs = Array.from({ length: 50 }, (_, index) => ({ id: `i${index}`, message: 'm' }));
    await gateway.kube.mergePatch(RESOURCES.sessions, NAMESPACE, id, { spec: { inputs } });
    const answer = await act(id, 'input', { message: 'one more' });
    expect(answer.status).toBe(409);
    expect(answer.json()).toMatchObject({
      type: 'urn:swe-agent:problem:inputs-used-up',
      detail: expect.stringContaining('new session'),
    });
  });

  it('takes six long messages, and after them short ones only, so that the object stays small', async () => {
    const id = await gateway.started();
    const long = '好'.repeat(8192);
    for (let sent = 0; sent < 6; sent++) expect((await act(id, 'input', { message: long })).status).toBe(202);
    const answer = await act(id, 'input', { message: long });
    expect(answer.status).toBe(422);
    expect(answer.json()).toMatchObject({
      errors: [{ message: expect.stringContaining('at most 6 messages may be longer than 2048 bytes; shorten this one') }],
    });
    expect((await act(id, 'input', { message: '好'.repeat(680) })).status).toBe(202);
    expect((await gateway.object(id)).spec.inputs).toHaveLength(7);
  });

  it('keeps every one of many messages sent at once', async () => {
    const id = await gateway.started();
    const answers = await Promise.all(Array.from({ length: 5 }, (_, index) => act(id, 'input', { message: `m${index}` })));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    const messages = (await gateway.object(id)).spec.inputs?.map(({ message }) => message);
    expect(messages?.sort()).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
  });
});

describe('cancel', () => {
  it('ends a session, and again without complaint', async () => {
    const id = await gateway.started();
    expect((await act(id, 'cancel')).status).toBe(200);
    expect((await gateway.object(id)).spec.cancelled).toBe(true);
    expect((await act(id, 'cancel')).json()).toMatchObject({ message: 'The session was cancelled before.' });
  });

  it.each(['approve', 'input', 'suspend', 'resume'])('makes %s a conflict', async (action) => {
    const id = await gateway.started();
    await act(id, 'cancel');
    const answer = await act(id, action, action === 'input' ? { message: 'm' } : undefined);
    expect(answer.status).toBe(409);
    expect(answer.json()).toMatchObject({ type: 'urn:swe-agent:problem:session-cancelled' });
  });
});

describe('suspend and resume', () => {
  it("take and give back the user's own pause", async () => {
    const id = await gateway.started();
    expect((await act(id, 'suspend')).status).toBe(200);
    expect((await act(id, 'suspend')).json()).toMatchObject({ message: 'The session was suspended before.' });
    expect((await gateway.object(id)).spec.suspend).toBe(true);
    await gateway.happen(id, STARTED, { type: 'session.paused', reason: 'Suspended', message: 'm', resumeCounter: 0 });
    expect((await gateway.get(`/agent/sessions/${id}`)).json()).toMatchObject({ status: 'PAUSED', suspended: true });
    expect((await act(id, 'resume')).status).toBe(200);
    expect((await gateway.object(id)).spec).toMatchObject({ suspend: false, resume: 0 });
  });

  it('raise the counter once for each pause of the platform, however often they are asked', async () => {
    const id = await gateway.started();
    await gateway.happen(id, STARTED, { type: 'session.paused', reason: 'ProviderQuota', message: 'used up', resumeCounter: 0 });
    expect((await gateway.get(`/agent/sessions/${id}`)).json()).toMatchObject({ status: 'PAUSED', reason: 'ProviderQuota' });
    await act(id, 'resume');
    expect((await act(id, 'resume')).json()).toMatchObject({ message: 'The session was resumed before.' });
    expect((await gateway.object(id)).spec.resume).toBe(1);
  });

  it('say so when there is nothing to resume', async () => {
    expect((await act(await gateway.started(), 'resume')).json()).toMatchObject({ message: 'The session is not paused.' });
  });

  it.each(['cancel', 'suspend', 'resume'])('%s is a conflict when the session has completed', async (action) => {
    const id = await gateway.started();
    await gateway.setStatus(id, COMPLETED_STATUS);
    const answer = await act(id, action);
    expect(answer.status).toBe(409);
    expect(answer.json()).toMatchObject({ type: 'urn:swe-agent:problem:session-finished' });
  });
});

describe('limits', () => {
  const patch = (id: string, body: unknown) => gateway.send(`/agent/sessions/${id}/limits`, { method: 'PATCH', body });

  it('are changed one by one', async () => {
    const id = await gateway.started({ limits: { max_steps: 10, max_cost_usd: 1 } });
    const answer = await patch(id, { max_steps: 20, max_cost_usd: null });
    expect(answer.json()).toMatchObject({ limits: { max_steps: 20 } });
    expect((await gateway.object(id)).spec.limits).toMatchObject({ maxSteps: 20 });
    expect((await gateway.object(id)).spec.limits?.maxCostUSD).toBeUndefined();
  });

  it.each([
    [{ max_steps: 0 }, 'max_steps', 'must be at least 1, not 0'],
    [{ max_review_rounds: 11 }, 'max_review_rounds', 'must be at most 10, not 11'],
    [{ max_steps: '20' }, 'max_steps', 'must be an integer, not "20"'],
    [{ maxSteps: 20 }, 'maxSteps', 'did you mean max_steps?'],
  ])('refuse %j', async (body, field, message) => {
    const answer = await patch(await gateway.started(), body);
    expect(answer.status).toBe(422);
    expect(answer.json()).toMatchObject({ errors: [{ field, message: expect.stringContaining(message) }] });
  });
});
