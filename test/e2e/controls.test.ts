import { existsSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { git } from '../support/git-repository.ts';
import { processesNaming } from '../support/processes.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { type Housed, SANDBOX_KINDS } from '../support/sandbox-kinds.ts';
import { approve, bash, CHECK, finish, Gate, greet, plan, write } from '../support/scripted-sessions.ts';
import type { System } from '../support/system.ts';

const withKubectl = itWithKubectl();

describe.each(SANDBOX_KINDS)('a session in $name', (kind) => {
  let housed: Housed;
  let system: System;
  let repository: string;

  beforeAll(async () => {
    housed = await kind.start();
    ({ system } = housed);
    repository = await system.repository('greeter');
  });
  afterEach(() => system.clear());
  afterAll(() => housed.close());

  /** A session whose programmer runs a command that never ends, and says in its process list who it is. */
  async function endless(name: string): Promise<{ id: string; mark: string }> {
    const mark = `sleep-of-${name}-${Date.now()}`;
    const goal = system.model.on(`Wait for ever (${name})`, {
      work: [bash(`(exec -a ${mark} sleep 1000) & exec -a ${mark} sleep 1001`), ...greet],
    });
    const id = await system.session(goal, repository);
    await system.until(id, 'the command', ({ activity }) => activity?.summary.includes(mark) ?? false);
    await eventually('both processes', () => running(mark).length >= 2);
    return { id, mark };
  }

  const running = (mark: string) => processesNaming(mark).filter(({ command }) => command.startsWith(mark));
  /** What was killed may need a moment to die. */
  const gone = (mark: string) => eventually('the processes to be gone', () => running(mark).length === 0);

  describe('suspend and resume', () => {
    it('end the command, keep everything else, and go on with the same conversation', async () => {
      const { id, mark } = await endless('suspend');
      await system.act(id, 'suspend');
      const paused = await system.until(id, 'the pause', ({ status }) => status === 'PAUSED');
      expect(paused).toMatchObject({ phase: 'Paused', reason: 'Suspended' });
      await gone(mark);
      expect(paused.logs.join('\n')).toMatch(/→ interrupted/);
      await system.act(id, 'resume');
      const done = await system.completed(id);
      expect(done.iteration).toBe(1);
      expect(done.logs.filter((line) => line.startsWith('PLAN 1'))).toHaveLength(1);
      expect(system.model.results('Wait for ever (suspend)').join('\n')).toContain('because the session was suspended');
    });

    if (kind.first)
      withKubectl('work through kubectl patch as well', async () => {
        const goal = system.model.on('Greet after a pause', {});
        const id = await system.session(goal, repository, { suspend: true });
        await system.until(id, 'the pause', ({ status }) => status === 'PAUSED');
        expect(system.model.requests(goal)).toEqual([]);
        await system.kubectl(['patch', 'ags', id, '--type=merge', '-p', '{"spec":{"suspend":false}}']);
        await system.completed(id);
        await system.described(id, /Normal +Suspended[\s\S]*Normal +Resumed/);
      });
  });

  describe('cancel', () => {
    it('kills the running command and all it started', async () => {
      const { id, mark } = await endless('cancel');
      await system.act(id, 'cancel');
      await gone(mark);
      const cancelled = await system.until(id, 'the end', ({ status }) => status === 'CANCELLED');
      expect(cancelled).toMatchObject({ phase: 'Cancelled', result: null });
      const refused = await system.request<{ detail: string }>('POST', `/agent/sessions/${id}/input`, { message: 'Go on!' });
      expect(refused.status).toBe(409);
      expect(refused.body.detail).toBe('A cancelled session cannot be sent a message. Start a new session.');
    });

    if (kind.first)
      it('stops a model call at once, and works on a session that has not begun', async () => {
        const hold = new Gate();
        const goal = system.model.on('Think for ever', { hold });
        const id = await system.session(goal, repository);
        await hold.reached();
        const request = system.model.requests(goal)[0];
        await system.act(id, 'cancel');
        await system.until(id, 'the end', ({ status }) => status === 'CANCELLED');
        await eventually('the model call to be given up', () => request?.gone);
        hold.open();
        const waiting = await system.session('No profile will ever be there', repository, { profile: 'nobody' });
        await system.until(waiting, 'the reason', ({ reason }) => reason === 'ProfileNotFound');
        await system.act(waiting, 'cancel');
        await system.until(waiting, 'the end', ({ status }) => status === 'CANCELLED');
      });
  });

  describe('kubectl delete', () => {
    withKubectl('of a running session returns, and takes processes, folder, log and blobs along', async () => {
      const { id, mark } = await endless('delete');
      expect(existsSync(housed.inside(id))).toBe(true);
      const deleted = await system.kubectl(['delete', 'ags', id, '--timeout=150s']);
      expect(deleted).toMatchObject({ code: 0, out: expect.stringContaining(`"${id}" deleted`) });
      expect(running(mark)).toEqual([]);
      expect(existsSync(housed.inside(id))).toBe(false);
      expect((await system.request('GET', `/agent/sessions/${id}`)).status).toBe(404);
      // What belongs to no session any more is looked for after every test.
    });

    if (kind.first)
      withKubectl('of a session whose model is thinking gives the call up', async () => {
        const hold = new Gate();
        const goal = system.model.on('Think until it is deleted', { hold });
        const id = await system.session(goal, repository);
        await hold.reached();
        await system.kubectl(['delete', 'ags', id, '--timeout=150s']);
        await eventually('the model call to be given up', () => system.model.requests(goal)[0]?.gone);
        hold.open();
      });
  });

  describe('a session made again under the same name', () => {
    withKubectl('inherits nothing of the one before', async () => {
      const name = 'twice';
      const make = (goal: string) =>
        system.kubectl(['apply', '-f', '-'], {
          input: JSON.stringify({
            apiVersion: 'sweagent.dev/v1alpha1',
            kind: 'AgentSession',
            metadata: { name },
            spec: { goal, repository: { url: repository } },
          }),
        });
      const first = system.model.on('Leave something behind', {
        work: [bash('echo left > $HOME/left; echo left > left.log'), ...greet],
      });
      await make(first);
      const before = await system.completed(name);
      await system.kubectl(['delete', 'ags', name]);
      const second = system.model.on('Find nothing', { work: [bash('ls -A $HOME . | grep left || echo clean'), ...greet] });
      await make(second);
      const after = await system.completed(name);
      expect(system.model.results(second)[0]).toContain('clean');
      expect(after.result.branch).not.toBe(before.result.branch);
      expect(after.logs.filter((line) => line.startsWith('Starting session'))).toHaveLength(1);
      expect(after.logs.join('\n')).not.toContain('left >');
      expect(await git(repository, 'branch', '--list', before.result.branch)).not.toBe('');
    });
  });

  describe('ttlSecondsAfterFinished', () => {
    it('deletes a session some time after it finished', async () => {
      const goal = system.model.on('Vanish');
      const id = await system.session(goal, repository, { ttl_seconds_after_finished: 1 });
      await system.completed(id);
      await eventually(
        'the session to be gone',
        async () => (await system.request('GET', `/agent/sessions/${id}`)).status === 404,
      );
      expect(existsSync(housed.inside(id))).toBe(false);
    });
  });

  describe('a limit that is reached', () => {
    if (kind.first)
      withKubectl.each(['kubectl', 'REST'])(
        'pauses the session, which goes on by itself when it is raised through %s',
        async (door) => {
          const goal = system.model.on(`Greet within a budget (${door})`);
          const id = await system.session(goal, repository, { limits: { max_steps: 2 } });
          const paused = await system.until(id, 'the pause', ({ status }) => status === 'PAUSED');
          expect(paused).toMatchObject({ steps: 2, reason: 'LimitReached' });
          expect(paused.message).toBe('2 of 2 model calls are used (spec.limits.maxSteps); raise the limit to go on.');
          if (door === 'REST') {
            const raised = await system.request('PATCH', `/agent/sessions/${id}/limits`, { max_steps: 20 });
            expect(raised).toMatchObject({ status: 200, body: { limits: { max_steps: 20 } } });
          } else {
            const patched = await system.kubectl([
              'patch',
              'ags',
              id,
              '--type=merge',
              '-p',
              '{"spec":{"limits":{"maxSteps":20}}}',
            ]);
            expect(patched.code).toBe(0);
          }
          expect((await system.completed(id)).result.verified).toBe(true);
        },
      );

    it('counts working time, ends the running command in time, and says so', async () => {
      const { id, mark } = await endless('timeout');
      await system.request('PATCH', `/agent/sessions/${id}/limits`, { timeout_seconds: 1 });
      const paused = await system.until(id, 'the pause', ({ status }) => status === 'PAUSED');
      expect(paused.reason).toBe('LimitReached');
      expect(paused.message).toContain('spec.limits.timeoutSeconds');
      await gone(mark);
    });
  });

  describe('a message', () => {
    it('to a completed session replans it, and it completes again on top of what it did', async () => {
      const goal = 'Greet, then think again';
      system.model.on(goal, {
        plan: (request) =>
          request.messages[0]?.text.includes('louder') ? plan('Greet louder', ['grep -q HELLO greeting.txt']) : plan(),
        work: (request) =>
          [write('greeting.txt', request.messages[0]?.text.includes('louder') ? 'HELLO\n' : 'hello\n'), finish()][
            Math.min(request.turn, 1)
          ] ?? {},
      });
      const id = await system.session(goal, repository);
      const first = await system.completed(id);
      await system.act(id, 'input', { message: 'Say it louder.' });
      const second = await system.until(id, 'the second result', (now) => now.status === 'COMPLETED' && now.iteration === 2);
      expect(second.plan).toMatchObject({ revision: 2, title: 'Greet louder' });
      expect(second.result?.branch).toBe(first.result.branch);
      expect(await git(repository, 'show', `${first.result.branch}:greeting.txt`)).toBe('HELLO');
      expect(await git(repository, 'rev-list', '--count', `main..${first.result.branch}`)).toBe('2');
      expect(second.result?.evidence.map((one) => one.command)).toEqual(['grep -q HELLO greeting.txt']);
    });

    it('that interrupts ends the running command and reaches the model', async () => {
      const { id, mark } = await endless('message');
      await system.act(id, 'input', { message: 'Stop waiting.', when: 'now' });
      await gone(mark);
      await system.completed(id);
      const conversation = system.model.requests('Wait for ever (message)').findLast(({ tools }) => tools.includes('finish'));
      expect(conversation?.messages.map(({ text }) => text).join('\n')).toContain('Stop waiting.');
    });

    if (kind.first)
      it('answers the question that was asked', async () => {
        const goal = system.model.on('Greet whom?', {
          work: [
            { calls: [{ name: 'ask_user', args: { question: 'Whom shall it greet?' } }] },
            write('greeting.txt', 'hello, Ada\n'),
            finish(),
          ],
        });
        const id = await system.session(goal, repository);
        const asked = await system.until(id, 'the question', ({ status }) => status === 'WAITING_FOR_USER');
        expect(asked.question).toMatchObject({ text: 'Whom shall it greet?' });
        expect(asked.logs).toContain('QUESTION: Whom shall it greet?');
        const refused = await system.request<{ detail: string }>('POST', `/agent/sessions/${id}/approve`);
        expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining('waits for an answer') } });
        await system.act(id, 'input', { message: 'Ada', answer_to: asked.question?.id });
        await system.completed(id);
        expect(system.model.results(goal)[0]).toBe('The user answered: Ada');
      });

    if (kind.first)
      it('of an empty goal, and approval where nothing waits, are refused in plain words', async () => {
        const empty = await system.request('POST', '/agent/sessions', { goal: '  ', repo_url: repository });
        expect(empty).toMatchObject({ status: 422, body: { errors: [{ field: 'goal' }] } });
        const goal = system.model.on('Greet without asking', { review: [approve()] });
        const id = await system.session(goal, repository, { verify: [CHECK] });
        await system.completed(id);
        const refused = await system.request<{ detail: string }>('POST', `/agent/sessions/${id}/approve`);
        expect(refused.status).toBe(409);
        expect(readFileSync(system.path('repositories/greeter/README.md'), 'utf8')).toBe('Greets.\n');
      });
  });
});
