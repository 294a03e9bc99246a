import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestSandbox } from '../support/daytona/control-plane.ts';
import type { DaytonaServer } from '../support/daytona/server.ts';
import { pathWithoutGit, scriptToolbox, toolboxArchive, unpackToolbox } from '../support/daytona/without-git.ts';
import { EventSource } from '../support/event-source.ts';
import { eventually } from '../support/eventually.ts';
import { git } from '../support/git-repository.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { startAtDaytona } from '../support/sandbox-kinds.ts';
import { bash, CHECK, finish, Gate, greet, plan, write } from '../support/scripted-sessions.ts';
import type { System } from '../support/system.ts';

const withKubectl = itWithKubectl();

let daytona: Awaited<ReturnType<typeof startAtDaytona>>;
let server: DaytonaServer;
let system: System;
let tools: string;
let path: string;

beforeAll(async () => {
  tools = mkdtempSync(join(tmpdir(), 'tools-'));
  path = pathWithoutGit(join(tools, 'bin'));
  const built = existsSync(toolboxArchive());
  if (!built) console.warn('a script stands in for the static toolbox: test/cluster/pod-images.sh was not run');
  const toolbox = built
    ? unpackToolbox(join(tools, 'static'))
    : scriptToolbox(join(tools, 'script'), 'exec env PATH=/usr/local/bin:/usr/bin:/bin git "$@"');
  daytona = await startAtDaytona({ env: { DAYTONA_TARGET: 'eu', SWE_AGENT_TOOLBOX: toolbox } });
  ({ server, system } = daytona);
});
afterEach(async () => {
  await system.clear();
  await eventually('the sandboxes at Daytona to be gone', () => server.control.all().length === 0);
});
afterAll(async () => {
  await daytona.close();
  rmSync(tools, { recursive: true });
});

/** The one there is. */
async function theSandbox(): Promise<TestSandbox> {
  return eventually('a sandbox at Daytona', () => server.control.all()[0]);
}

function manifest(name: string, goal: string, repository: string, sandbox: object): string {
  return JSON.stringify({
    apiVersion: 'sweagent.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name },
    spec: { goal, repository: { url: repository }, sandbox },
  });
}

const homeOf = (id: string, file: string): string => daytona.inside(id, 'home', file);
const runsOf = (id: string): number =>
  existsSync(homeOf(id, 'runs')) ? readFileSync(homeOf(id, 'runs'), 'utf8').trim().split('\n').length : 0;

/**
 * A session with a command that counts its executions, and goes on until the test lets it end. What it wrote before is in a
 * checkpoint.
 */
async function counting(name: string): Promise<{ goal: string; id: string; repository: string }> {
  const command = 'echo run >>$HOME/runs; until [ -e $HOME/go ]; do sleep 0.05; done; echo counted';
  const turns = [write('before.txt', 'written before\n'), bash(command), ...greet];
  const thinking = new Gate();
  const goal = system.model.on(`Count your runs at Daytona (${name})`, {
    work: async ({ turn }) => {
      if (turn === 1) await thinking.pass();
      return turns[Math.min(turn, turns.length - 1)] ?? {};
    },
  });
  const repository = await system.repository(name);
  const id = await system.session(goal, repository);
  await thinking.reached();
  await using source = await EventSource.open(`${system.url}/agent/sessions/${id}/events`);
  await eventually('the checkpoint', () => {
    const seen = source.events.map(({ event }) => event);
    return seen.lastIndexOf('checkpoint.saved') > seen.indexOf('iteration.started');
  });
  thinking.open();
  await eventually('the command', () => runsOf(id) === 1);
  return { goal, id, repository };
}

async function expectGreeting(id: string, repository: string): Promise<string> {
  const { result } = await system.completed(id);
  expect(result).toMatchObject({ pushed: true, verified: true, evidence: [{ command: CHECK, exit_code: 0 }] });
  expect(await git(repository, 'show', `${result.branch}:greeting.txt`)).toBe('hello');
  return result.branch;
}

describe('a session whose commands run at Daytona', () => {
  it('made by REST never has the key, and its sandbox is labelled with its name', async () => {
    const repository = await system.repository('by-rest');
    const goal = system.model.on('Greet from Daytona', { work: [bash('env'), ...greet] });
    const id = await system.session(goal, repository);
    await expectGreeting(id, repository);
    const { dto } = await theSandbox();
    expect(dto).toMatchObject({ target: 'eu', labels: { 'sweagent.dev/session-name': id } });
    const [environment] = system.model.results(goal);
    expect(environment).toContain(`SWE_AGENT_SANDBOX=${dto.id}`);
    expect(environment).not.toMatch(/DAYTONA|dtn_/);
  });

  withKubectl('made by kubectl apply shows the sandbox in its status', async () => {
    const repository = await system.repository('by-kubectl');
    const goal = system.model.on('Greet from Daytona, applied');
    const sandbox = { type: 'daytona', image: 'python:3.12-slim', daytona: { target: 'us', ephemeral: true } };
    const input = manifest('applied', goal, repository, sandbox);
    expect((await system.kubectl(['apply', '-f', '-'], { input })).code).toBe(0);
    await expectGreeting('applied', repository);
    const { dto } = await theSandbox();
    const { status } = JSON.parse((await system.kubectl(['get', 'ags', 'applied', '-o', 'json'])).out);
    expect(status.sandbox).toMatchObject({ type: 'daytona', name: dto.name, uid: dto.id });
    expect(dto).toMatchObject({ target: 'us', autoDeleteInterval: 0 });
  });

  withKubectl('in an image without git works with the git that was brought in', async () => {
    const repository = await system.repository('without-git');
    const search = { calls: [{ name: 'search', args: { pattern: 'Greets' } }] };
    const goal = system.model.on('Greet without a git of your own', {
      work: [bash('command -v git; git --version; git log --format=%s'), search, ...greet],
    });
    const input = manifest('bare', goal, repository, { type: 'daytona', env: [{ name: 'PATH', value: path }] });
    expect((await system.kubectl(['apply', '-f', '-'], { input })).code).toBe(0);
    await expectGreeting('bare', repository);
    const [told = '', found] = system.model.results(goal);
    expect(told.split('\n')[0]).toBe(daytona.inside('bare', '.toolbox/bin/git'));
    expect(told).toMatch(/git version/);
    expect(told).toContain('Commit 1');
    expect(found).toContain('README.md');
  });

  it('waits while its key is refused in the middle of a command, says so, and goes on when it is taken again', async () => {
    const { id, repository, goal } = await counting('expired');
    const key = server.apiKey;
    server.apiKey = 'dtn_another';
    try {
      server.cutWebSockets();
      const waiting = await system.until(id, 'the reason', ({ reason }) => reason === 'DaytonaUnauthorized');
      expect(waiting.message).toContain('set DAYTONA_API_KEY to one that is valid');
    } finally {
      server.apiKey = key;
    }
    writeFileSync(homeOf(id, 'go'), '');
    await expectGreeting(id, repository);
    expect(system.model.results(goal)[1]).toMatch(/^counted\n\[exit code 0/);
    expect(runsOf(id)).toBe(1);
    expect(system.output).not.toContain(key);
  });

  const disasters = [
    ['deleted', (sandbox: TestSandbox) => server.control.delete(sandbox)],
    ['stopped', (sandbox: TestSandbox) => server.control.stop(sandbox)],
    ['archived', (sandbox: TestSandbox) => server.control.archive(sandbox)],
  ] as const;
  for (const [what, happens] of disasters) {
    it(`keeps what it had done when its sandbox is ${what} by somebody else, and never takes the lost command for a success`, async () => {
      const { id, goal, repository } = await counting(what);
      const sandbox = await theSandbox();
      await happens(sandbox);
      const branch = await expectGreeting(id, repository);
      expect(await git(repository, 'show', `${branch}:before.txt`)).toBe('written before');
      expect(system.model.results(goal)[1]).not.toMatch(/counted|exit code 0/);
      const other = (await theSandbox()).dto.id !== sandbox.dto.id;
      expect(other).toBe(what === 'deleted');
    });

    it(`goes on with a message after it completed, although its sandbox was ${what} meanwhile`, async () => {
      const repository = await system.repository(`${what}-later`);
      const goal = `Greet, and again after the sandbox was ${what}`;
      const louder = (text = ''): boolean => text.includes('Louder!');
      system.model.on(goal, {
        plan: ({ messages }) => (louder(messages[0]?.text) ? plan('Greet louder', ['grep -q HELLO greeting.txt']) : plan()),
        work: ({ messages, turn }) =>
          (louder(messages[0]?.text)
            ? [bash('cat greeting.txt'), write('greeting.txt', 'HELLO\n'), finish()]
            : [...greet, finish()])[Math.min(turn, 2)] ?? {},
      });
      const id = await system.session(goal, repository);
      await expectGreeting(id, repository);
      await happens(await theSandbox());
      await system.act(id, 'input', { message: 'Louder!' });
      const again = await system.until(id, 'the second result', (now) => now.status === 'COMPLETED' && now.iteration === 2);
      expect(system.model.results(goal)[0]).toMatch(/^hello\n/);
      expect(await git(repository, 'show', `${again.result?.branch}:greeting.txt`)).toBe('HELLO');
    });
  }
});
