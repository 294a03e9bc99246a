import { userInfo } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { EventSource, type ServerEvent } from '../support/event-source.ts';
import { eventually } from '../support/eventually.ts';
import { git } from '../support/git-repository.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { type Housed, SANDBOX_KINDS } from '../support/sandbox-kinds.ts';
import { approve, CHECK, finish, Gate, greet, plan, write } from '../support/scripted-sessions.ts';
import { AUTHOR, type System } from '../support/system.ts';

const withKubectl = itWithKubectl();

function manifest(name: string, goal: string, repository: string, more: object = {}): string {
  return JSON.stringify({
    apiVersion: 'sweagent.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name },
    spec: { goal, repository: { url: repository }, ...more },
  });
}

describe.each(SANDBOX_KINDS)('with commands in $name,', (kind) => {
  let housed: Housed;
  let system: System;

  beforeAll(async () => {
    housed = await kind.start();
    ({ system } = housed);
  });
  afterEach(() => system.clear());
  afterAll(() => housed.close());

  describe('a session made by kubectl apply', () => {
    withKubectl('ends with a pushed branch, evidence, status, conditions, Events and columns', async () => {
      const repository = await system.repository('applied');
      const goal = system.model.on('Greet whoever applies this');
      const applied = await system.kubectl(['apply', '-f', '-'], { input: manifest('greet', goal, repository) });
      expect(applied).toEqual({ code: 0, out: 'agentsession.sweagent.dev/greet created\n', err: '' });
      const waited = await system.kubectl(['wait', '--for=condition=Finished', 'ags/greet', '--timeout=150s']);
      expect(waited.out).toBe('agentsession.sweagent.dev/greet condition met\n');
      const phase = await system.kubectl(['wait', '--for=jsonpath={.status.phase}=Completed', 'ags/greet', '--timeout=150s']);
      expect(phase.code).toBe(0);

      const { metadata, spec, status } = JSON.parse((await system.kubectl(['get', 'ags', 'greet', '-o', 'json'])).out);
      const tree = await git(repository, 'rev-parse', `${status.result.branch}^{tree}`);
      expect(status).toMatchObject({
        phase: 'Completed',
        observedGeneration: metadata.generation,
        plan: { revision: 1, steps: [{ id: 'a', title: 'Say hello' }] },
        sandbox: {
          type: kind.type,
          name: kind.type === 'local' ? 'greet' : expect.stringMatching(/^swe-agent-greet-[0-9a-f]{10}$/),
        },
        result: {
          branch: `swe-agent/greet-${metadata.uid.replaceAll('-', '').slice(0, 8)}`,
          commit: await git(repository, 'rev-parse', status.result.branch),
          pushed: true,
          verified: true,
          filesChanged: 1,
          additions: 1,
          deletions: 0,
          summary: 'Greets.\n\nSeen by the platform: 1 check failed before the work and passes now.',
          evidence: [{ command: CHECK, exitCode: 0, tree }],
        },
      });
      expect(spec.author).toBe(userInfo().username);
      const conditions = Object.fromEntries(status.conditions.map((one: Record<string, string>) => [one.type, one.reason]));
      expect(conditions).toMatchObject({
        ProfileResolved: expect.any(String),
        SandboxReady: 'Ready',
        PlanApproved: 'NotNeeded',
        Progressing: 'Verified',
        Verified: 'ChecksPassed',
        Finished: 'Completed',
      });
      expect(await git(repository, 'show', `${status.result.branch}:greeting.txt`)).toBe('hello');
      expect(await git(repository, 'log', '-1', '--format=%an <%ae>|%cn <%ce>|%s', status.result.branch)).toBe(
        `${AUTHOR.name} <${AUTHOR.email}>|${AUTHOR.name} <${AUTHOR.email}>|Greet`,
      );
      // What was cloned is as it was.
      expect(await git(repository, 'rev-parse', 'main')).toBe(await git(repository, 'rev-parse', `${status.result.branch}~1`));
      expect(await git(repository, 'status', '--porcelain')).toBe('');

      // The last of them: those of one session are written in their order.
      const described = await system.described('greet', /Normal +Completed/);
      const events = described.slice(described.indexOf('Events:'));
      for (const reason of [
        'ProfileResolved',
        'Started',
        'SandboxReady',
        'PlanReady',
        'ReviewApproved',
        'Published',
        'Completed',
      ])
        expect(events).toContain(reason);
      const [header, row] = (await system.kubectl(['get', 'ags'])).out.split('\n');
      expect(header?.split(/\s{2,}/)).toEqual(['NAME', 'PHASE', 'REASON', 'STEPS', 'COST', 'BRANCH', 'AGE']);
      expect(row).toMatch(/^greet +Completed +Verified +\d+ .*swe-agent\/greet-/);
    });

    if (kind.first)
      withKubectl('waits for approval in review mode, and goes on when it is patched in', async () => {
        const repository = await system.repository('reviewed');
        const goal = system.model.on('Greet when a patch approves it');
        await system.kubectl(['apply', '-f', '-'], { input: manifest('patched', goal, repository, { mode: 'review' }) });
        const waits = await system.kubectl([
          'wait',
          '--for=jsonpath={.status.phase}=WaitingForUser',
          'ags/patched',
          '--timeout=150s',
        ]);
        expect(waits.code).toBe(0);
        const described = await system.described('patched', /kubectl patch/);
        const command = /kubectl (patch agentsession patched .*)$/m.exec(described)?.[1];
        expect(command).toBe(`patch agentsession patched -n default --type merge -p '{"spec":{"approvedPlan":1}}'`);
        // Exactly what the Event says.
        const patched = await system.kubectl((command ?? '').replaceAll("'", '').split(' '));
        expect(patched.out).toBe('agentsession.sweagent.dev/patched patched\n');
        const done = await system.completed('patched');
        expect(done.result).toMatchObject({ pushed: true, verified: true });
        expect(done.conditions).toContainEqual(expect.objectContaining({ type: 'PlanApproved', reason: 'Approved' }));
      });

    if (kind.first)
      withKubectl(
        'says so when another plan is approved than the one that waits, and takes the right approval after it',
        async () => {
          const goal = system.model.on('Greet after a slip');
          await system.kubectl(['apply', '-f', '-'], {
            input: manifest('slip', goal, await system.repository('slip'), { mode: 'review' }),
          });
          await system.until('slip', 'the plan', ({ status }) => status === 'WAITING_FOR_USER');
          const approve = (revision: number) =>
            system.kubectl(['patch', 'ags', 'slip', '--type=merge', '-p', `{"spec":{"approvedPlan":${revision}}}`]);
          await approve(7);
          const told = await system.until('slip', 'the condition', ({ conditions }) =>
            conditions.some(({ reason }) => reason === 'OtherRevision'),
          );
          expect(told.status).toBe('WAITING_FOR_USER');
          await eventually('the Event', async () =>
            /Warning +OtherRevision .*approvedPlan is 7, but there is no revision 7\. Plan revision 1 waits/.test(
              (await system.kubectl(['describe', 'ags', 'slip'])).out,
            ),
          );
          await approve(1);
          await system.completed('slip');
        },
      );
  });

  describe.each(['session', 'task'] as const)('the REST endpoints of %ss', (noun) => {
    const base = `/agent/${noun}s`;

    it('take a goal and a repository to a pushed branch', async () => {
      const repository = await system.repository(`${noun}-auto`);
      const goal = system.model.on(`Greet as a ${noun}`);
      const created = await system.request<Record<string, string>>('POST', base, { goal, repo_url: repository });
      expect({ status: created.status, keys: Object.keys(created.body) }).toEqual({ status: 201, keys: [`${noun}_id`] });
      const id = created.body[`${noun}_id`] ?? '';
      await system.completed(id);
      const { body } = await system.request<Awaited<ReturnType<System['view']>>>('GET', `${base}/${id}`);
      expect(body.logs[0]).toBe(`Starting ${noun}...`);
      for (const line of ['Cloning repo...', 'PLANNER: Generating plan...', 'PROGRAMMER: Executing plan...'])
        expect(body.logs).toContain(line);
      expect(body.result).toMatchObject({ pushed: true, verified: true, evidence: [{ command: CHECK, exit_code: 0 }] });
      expect(await git(repository, 'show', `${body.result?.branch}:greeting.txt`)).toBe('hello');
      const diff = await system.request('GET', `${base}/${id}/diff`);
      expect(diff.text).toContain('+hello');
      const events = await fetch(`${system.url}${base}/${id}/events`, { headers: { accept: 'text/event-stream' } });
      let seen = '';
      for await (const chunk of events.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        seen += chunk;
        if (seen.includes('session.started')) break;
      }
      expect(seen).toContain('session.started');
      const deleted = await system.request('DELETE', `${base}/${id}`);
      expect(deleted.status).toBe(204);
    });

    it('let a person approve, send a message while it is coding, and approve again', async () => {
      const repository = await system.repository(`${noun}-review`);
      const coding = new Gate();
      const goal = `Greet as a reviewed ${noun}`;
      const message = 'Please be polite as well.';
      system.model.on(goal, {
        plan: (request) =>
          request.messages[0]?.text.includes(message) ? plan('Greet politely', [CHECK, 'grep -q please greeting.txt']) : plan(),
        work: async (request) => {
          const polite = request.messages[0]?.text.includes(message);
          if (!polite && request.turn === 0) await coding.pass();
          return (polite ? [write('greeting.txt', 'hello, please\n'), finish()] : greet)[Math.min(request.turn, 1)] ?? {};
        },
      });
      const { body } = await system.request<Record<string, string>>('POST', base, { goal, repo_url: repository, mode: 'review' });
      const id = body[`${noun}_id`] ?? '';
      const at = `${base}/${id}`;
      const first = await system.until(id, 'the plan', ({ status }) => status === 'WAITING_FOR_USER');
      expect(first.logs).toEqual(expect.arrayContaining(['PLAN 1: Greet', '  1. Say hello']));
      expect(await system.request('POST', `${at}/approve`)).toMatchObject({ status: 200, body: { id, revision: 1 } });
      await coding.reached();
      const sent = await system.request('POST', `${at}/input`, { message });
      expect(sent).toMatchObject({ status: 202, body: { id, status: 'RUNNING' } });
      coding.open();

      const second = await system.until(id, 'the second plan', ({ plan: now }) => now?.revision === 2 && !now.approved);
      expect(second.logs).toContain('PLAN 2: Greet politely');
      await system.until(id, 'the second wait', ({ status }) => status === 'WAITING_FOR_USER');
      const stale = await system.request<{ detail: string }>('POST', `${at}/approve`, { revision: 1 });
      expect(stale.status).toBe(409);
      expect(stale.body.detail).toContain('Plan 1 was replaced by plan 2');
      expect(await system.request('POST', `${at}/approve`, { revision: 2 })).toMatchObject({ status: 200 });
      const done = await system.completed(id);
      expect(done.result.evidence.map((one) => one.exit_code)).toEqual([0, 0]);
      expect(await git(repository, 'show', `${done.result.branch}:greeting.txt`)).toBe('hello, please');
      expect(await git(repository, 'log', '--format=%an', `main..${done.result.branch}`)).toContain(AUTHOR.name);
    });
  });

  if (kind.first)
    describe('the events of a session', () => {
      it('are each told once and in order to a reader that comes back again and again, also after a restart', async () => {
        const repository = await system.repository('followed');
        const coding = new Gate();
        const goal = system.model.on('Greet while somebody watches', {
          work: async ({ turn }) => {
            if (turn === 0) await coding.pass();
            return greet[Math.min(turn, 1)] ?? {};
          },
        });
        const id = await system.session(goal, repository, { mode: 'review' });
        const seen: ServerEvent[] = [];
        const follow = async (until: string): Promise<void> => {
          // It may have come together with what was waited for before.
          if (seen.some(({ event }) => event === until)) return;
          const last = seen.at(-1)?.id;
          const headers: Record<string, string> = last === undefined ? {} : { 'Last-Event-ID': last };
          await using source = await EventSource.open(`${system.url}/agent/sessions/${id}/events`, headers);
          await eventually(until, () => source.events.some(({ event }) => event === until));
          seen.push(...source.events);
        };
        await follow('plan.submitted');
        await system.until(id, 'the plan', ({ status }) => status === 'WAITING_FOR_USER');
        await system.stop();
        await system.start();
        await system.act(id, 'approve');
        await follow('iteration.started');
        await coding.reached();
        coding.open();
        await follow('programmer.finished');
        await follow('session.finished');
        expect(seen.map((one) => Number(one.id))).toEqual(seen.map((_, index) => index + 1));
        expect(seen[0]?.event).toBe('session.started');
        expect(seen.filter(({ event }) => event === 'plan.approved')).toHaveLength(1);
      });
    });

  describe('a review that asks for changes', () => {
    it('sends the work back, and the evidence is of the final tree alone', async () => {
      const repository = await system.repository('sent-back');
      const goal = 'Greet after a second look';
      let reviews = 0;
      system.model.on(goal, {
        work: (request) =>
          [write('greeting.txt', request.messages[0]?.text.includes('Too short') ? 'hello, world\n' : 'hello\n'), finish()][
            Math.min(request.turn, 1)
          ] ?? {},
        review: () => {
          reviews++;
          if (reviews > 1) return approve();
          const findings = [{ file: 'greeting.txt', line: 1, problem: 'Too short.' }];
          return { calls: [{ name: 'submit_review', args: { verdict: 'request_changes', findings } }] };
        },
      });
      const id = await system.session(goal, repository, { verify: [`${CHECK} && wc -l greeting.txt`] });
      const done = await system.completed(id);
      expect(done.iteration).toBe(2);
      expect(done.logs).toContain('  - greeting.txt:1: Too short.');
      const tree = await git(repository, 'rev-parse', `${done.result.branch}^{tree}`);
      expect(done.result.evidence).toMatchObject([{ exit_code: 0, tree }]);
      expect(await git(repository, 'show', `${done.result.branch}:greeting.txt`)).toBe('hello, world');
    });

    if (kind.first)
      it('does not call a result verified that nothing but "true" speaks for', async () => {
        const repository = await system.repository('unverified');
        const goal = system.model.on('Greet without a check', { plan: [plan('Greet', ['true']), plan('Greet', [])] });
        const done = await system.completed(await system.session(goal, repository, { verify: ['true'] }));
        expect(system.model.results(goal, 'plan')[0]).toContain('The check `true` checks nothing.');
        expect(done.result).toMatchObject({ verified: false, pushed: true });
        expect(done.reason).toBe('Unverified');
        expect(done.logs.join('\n')).toContain('This does not count as verification.');
        expect(done.conditions).toContainEqual(expect.objectContaining({ type: 'Verified', status: 'False' }));
      });
  });
});
