import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { loopbackCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { type GitHttpServer, startGitHttpServer } from '../support/git-http-server.ts';
import { git, makeRepository } from '../support/git-repository.ts';
import { processesNaming } from '../support/processes.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { type Housed, SANDBOX_KINDS } from '../support/sandbox-kinds.ts';
import { bash, CHECK, Gate, greet, plan } from '../support/scripted-sessions.ts';
import { System } from '../support/system.ts';

const withKubectl = itWithKubectl();

describe.each(SANDBOX_KINDS)('with commands in $name,', (kind) => {
  let housed: Housed;
  let system: System;
  let repository: string;
  let repositories = 0;

  beforeAll(async () => {
    housed = await kind.start();
    ({ system } = housed);
  });
  beforeEach(async () => {
    repository = await system.repository(`greeter-${++repositories}`);
  });
  afterEach(async () => {
    // Whatever a test that failed had ended.
    if (system.pid === 0) await system.start();
    await system.clear();
  });
  afterAll(() => housed.close());

  /** What a session must have come to whatever happened to the process on the way. */
  async function expectGreeting(id: string): Promise<void> {
    const done = await system.completed(id);
    expect(done.result).toMatchObject({ pushed: true, verified: true, evidence: [{ command: CHECK, exit_code: 0 }] });
    expect(await git(repository, 'show', `${done.result.branch}:greeting.txt`)).toBe('hello');
    expect(await git(repository, 'rev-list', '--count', `main..${done.result.branch}`)).toBe('1');
    expect((await git(repository, 'branch', '--list', 'swe-agent/*')).split('\n')).toHaveLength(1);
  }

  /** A command that counts its executions, and goes on until the test lets it end. */
  function counting(name: string) {
    const goal = system.model.on(`Count your runs (${name})`, {
      work: [bash('echo run >> $HOME/runs; until [ -e $HOME/go ]; do sleep 0.05; done; echo counted'), ...greet],
    });
    const home = (id: string, file: string) => housed.inside(id, 'home', file);
    return {
      goal,
      runs: (id: string) => (existsSync(home(id, 'runs')) ? readFileSync(home(id, 'runs'), 'utf8').trim().split('\n').length : 0),
      release: (id: string) => writeFileSync(home(id, 'go'), ''),
    };
  }

  describe('after kill -9 of the whole process', () => {
    it('a session goes on that was planning', async () => {
      const hold = new Gate();
      const goal = system.model.on('Greet in spite of a crash', { hold });
      const id = await system.session(goal, repository);
      await hold.reached();
      await system.kill();
      hold.open();
      await system.start();
      await expectGreeting(id);
    });

    it('a command that was running goes on, is attached to, and ran once', async () => {
      const { goal, runs, release } = counting('crash');
      const id = await system.session(goal, repository);
      await eventually('the command', () => runs(id) === 1);
      await system.kill();
      expect(processesNaming(housed.inside(id))).not.toEqual([]);
      await system.start();
      await system.until(id, 'the command to be seen', ({ activity }) => activity?.summary.includes('runs') ?? false);
      release(id);
      await expectGreeting(id);
      expect(runs(id)).toBe(1);
      expect(system.model.results(goal)[0]).toMatch(/^counted\n\[exit code 0/);
    });

    it('a command that ended while nobody was there is not run again, and its output is not lost', async () => {
      const { goal, runs, release } = counting('absence');
      const id = await system.session(goal, repository);
      await eventually('the command', () => runs(id) === 1);
      await system.kill();
      release(id);
      await eventually('its end', () => !processesNaming(housed.inside(id)).some(({ command }) => command.includes('runs;')));
      await system.start();
      await expectGreeting(id);
      expect(runs(id)).toBe(1);
      expect(system.model.results(goal)[0]).toMatch(/^counted\n\[exit code 0/);
    });

    it('a check that was running goes on as well', async () => {
      const goal = system.model.on('Greet with a slow check');
      const check = `echo check $(ls greeting.txt) >> $HOME/checks; until [ -e $HOME/go ]; do sleep 0.05; done; ${CHECK}`;
      const id = await system.session(goal, repository, { verify: [check] });
      const checks = () => housed.inside(id, 'home/checks');
      await eventually('the check', () => existsSync(checks()));
      await system.kill();
      await system.start();
      await eventually('the session to be taken up', async () => (await system.view(id)).status === 'RUNNING');
      writeFileSync(housed.inside(id, 'home/go'), '');
      const done = await system.completed(id);
      expect(done.result).toMatchObject({ verified: true, evidence: [{ command: check, exit_code: 0 }] });
      // Once before the work, where it was killed, and once on the result.
      expect(readFileSync(checks(), 'utf8')).toBe('check\ncheck greeting.txt\n');
    });

    if (kind.first)
      withKubectl('a plan that waited for approval still waits, and nothing is told twice', async () => {
        const goal = system.model.on('Greet after a crash and an approval');
        const id = await system.session(goal, repository, { mode: 'review' });
        const before = await system.until(id, 'the plan', ({ status }) => status === 'WAITING_FOR_USER');
        const reasons = `jsonpath={.items[?(@.involvedObject.name=="${id}")].reason}`;
        const events = async () => (await system.kubectl(['get', 'events', '-o', reasons])).out.split(' ').sort();
        await eventually('the last Event', async () => (await events()).includes('WaitingForApproval'));
        const told = await events();
        await system.kill();
        await system.start();
        expect(await system.view(id)).toMatchObject({ status: 'WAITING_FOR_USER', plan: before.plan, logs: before.logs });
        await system.act(id, 'approve');
        await expectGreeting(id);
        const since = await events();
        const of = (all: string[], reason: string) => all.filter((one) => one === reason);
        for (const reason of told) expect(of(since, reason)).toEqual(of(told, reason));
      });

    withKubectl('a finished session is left as it is', async () => {
      const goal = system.model.on('Greet once and for all');
      const id = await system.session(goal, repository);
      await expectGreeting(id);
      const object = async () => (await system.kubectl(['get', 'ags', id, '-o', 'json'])).out;
      const before = await object();
      const asked = system.model.requests(goal).length;
      await system.kill();
      await system.start();
      const other = system.model.on('Show that work goes on');
      await system.completed(await system.session(other, repository));
      expect(await object()).toBe(before);
      expect(system.model.requests(goal)).toHaveLength(asked);
    });

    it('many sessions go on, each to its own end', async () => {
      const many = kind.first ? 8 : 3;
      const hold = new Gate();
      const goals = Array.from({ length: many }, (_, index) => system.model.on(`Greet in a crowd, number ${index}.`, { hold }));
      const ids = await Promise.all(goals.map((goal) => system.session(goal, repository)));
      await hold.reached();
      await system.kill();
      hold.open();
      await system.start();
      for (const id of ids) expect((await system.completed(id)).result).toMatchObject({ pushed: true, verified: true });
      expect((await git(repository, 'branch', '--list', 'swe-agent/*')).split('\n')).toHaveLength(many);
    });
  });

  describe('Ctrl-C', () => {
    // Only on the operator's own machine would commands outlive it for nothing.
    if (kind.type !== 'local')
      it('leaves the running command alone, which is attached to after a start, and ran once', async () => {
        const { goal, runs, release } = counting('stop');
        const id = await system.session(goal, repository);
        await eventually('the command', () => runs(id) === 1);
        await system.stop('SIGINT');
        await system.start();
        release(id);
        await expectGreeting(id);
        expect(runs(id)).toBe(1);
        expect(system.model.results(goal)[0]).toMatch(/^counted\n\[exit code 0/);
      });
    if (kind.type === 'local')
      it('ends the running command and says so; after a start the session goes on and finishes', async () => {
        const goal = system.model.on('Wait until interrupted', {
          work: [bash('echo run >> $HOME/runs; trap "" TERM INT HUP; sleep 1000 & setsid sleep 1001 & wait'), ...greet],
        });
        const id = await system.session(goal, repository);
        const runs = housed.inside(id, 'home/runs');
        await eventually('the command', () => existsSync(runs));
        await system.stop('SIGINT');
        expect(system.processes()).toEqual([]);
        await system.start();
        await expectGreeting(id);
        expect(readFileSync(runs, 'utf8')).toBe('run\n');
        expect((await system.view(id)).logs.join('\n')).toMatch(/PROGRAMMER: \$ echo run.* → interrupted/);
        expect(system.model.results(goal)[0]).toContain('because the platform was stopped');
      });

    if (kind.type === 'local')
      it('ends a command that takes what its runner is told and heeds no signal', async () => {
        const goal = system.model.on('Resist', {
          work: [
            bash(
              "for i in 1 2 3; do (trap '' TERM; while :; do cat $HOME/../.run/in.1; done > /dev/null) & done; trap '' TERM; touch $HOME/begun; wait",
            ),
            ...greet,
          ],
        });
        const id = await system.session(goal, repository);
        await eventually('the command', () => existsSync(housed.inside(id, 'home/begun')));
        await system.stop('SIGINT');
        expect(system.processes()).toEqual([]);
        await system.start();
        await expectGreeting(id);
      });

    if (kind.first)
      it('ends a model call, and the session asks again after a start', async () => {
        const hold = new Gate();
        const goal = system.model.on('Think until interrupted', { hold });
        const id = await system.session(goal, repository);
        await hold.reached();
        await system.stop('SIGTERM');
        hold.open();
        await system.start();
        await expectGreeting(id);
      });

    if (kind.first)
      it('does not lose a message that was sent while everything was starting or stopping', async () => {
        const coding = new Gate();
        const goal = 'Greet, and hear me';
        system.model.on(goal, {
          plan: (request) => (request.messages[0]?.text.includes('Heard?') ? plan('Greet and hear') : plan()),
          work: async (request) => {
            if (request.turn === 0) await coding.pass();
            return greet[Math.min(request.turn, 1)] ?? {};
          },
        });
        const id = await system.session(goal, repository);
        await coding.reached();
        await system.act(id, 'input', { message: 'Heard?' });
        await system.stop();
        coding.open();
        await system.start();
        await system.until(id, 'the second plan', ({ plan: now }) => now?.title === 'Greet and hear');
        await system.completed(id);
      });
  });
});

describe('after kill -9 in the middle of a push', () => {
  let server: GitHttpServer;
  let pushing: Gate;
  let remote: System;

  beforeEach(async () => {
    pushing = new Gate();
    const tls = await loopbackCertificate();
    const pause = async ({ url }: { url: string }) => {
      if (url.endsWith('/git-receive-pack')) await pushing.pass();
    };
    remote = await System.start({
      prepare: async (folder) => {
        await makeRepository(join(folder, 'remotes/remote.git'), [{ files: { 'README.md': 'Greets.\n' } }], { bare: true });
        server = await startGitHttpServer({ root: join(folder, 'remotes'), tls, token: 'push-token-12345', pause });
        writeFileSync(join(folder, 'certificate.pem'), tls.cert);
        return {
          GIT_TOKEN: 'push-token-12345',
          GIT_TOKEN_HOSTS: server.host,
          GIT_SSL_CAINFO: join(folder, 'certificate.pem'),
        };
      },
    });
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await remote[Symbol.asyncDispose]();
  });

  it('the branch is there once, with one commit', async () => {
    const goal = remote.model.on('Greet a remote');
    const id = await remote.session(goal, `${server.url}/remote.git`);
    await pushing.reached();
    await remote.kill();
    pushing.open();
    await remote.start();
    const done = await remote.completed(id);
    expect(done.result).toMatchObject({ pushed: true, verified: true });
    const bare = remote.path('remotes/remote.git');
    expect(await git(bare, 'rev-list', '--count', `main..${done.result.branch}`)).toBe('1');
    expect((await git(bare, 'branch', '--list', 'swe-agent/*')).split('\n')).toHaveLength(1);
    expect(done.logs.filter((line) => line.startsWith('Published branch'))).toHaveLength(1);
  });
});
