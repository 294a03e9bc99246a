import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestSandbox } from '../support/daytona/control-plane.ts';
import { DaytonaServer } from '../support/daytona/server.ts';
import { eventually } from '../support/eventually.ts';
import { git } from '../support/git-repository.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { bash, CHECK, greet } from '../support/scripted-sessions.ts';
import { System } from '../support/system.ts';

const withKubectl = itWithKubectl();

let server: DaytonaServer;
let system: System;

beforeAll(async () => {
  server = await DaytonaServer.start();
  const daytona = { DAYTONA_API_KEY: server.apiKey, DAYTONA_SERVER_URL: server.url, DAYTONA_TARGET: 'eu' };
  system = await System.start({ env: { SANDBOX_TYPE: 'daytona', ...daytona } });
});
afterEach(async () => {
  await system.clear();
  await eventually('the sandboxes at Daytona to be gone', () => server.control.all().length === 0);
});
afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await server.close();
});

/** The one there is. */
async function theSandbox(): Promise<TestSandbox> {
  return eventually('a sandbox at Daytona', () => server.control.all()[0]);
}

const homeOf = (sandbox: TestSandbox, file: string): string => join(sandbox.toolbox.home, 'swe-agent/home', file);
const runsOf = (sandbox: TestSandbox): number =>
  existsSync(homeOf(sandbox, 'runs')) ? readFileSync(homeOf(sandbox, 'runs'), 'utf8').trim().split('\n').length : 0;

/** A session with a command that counts its executions, and goes on until the test lets it end. */
function counting(name: string): string {
  const command = 'echo run >>$HOME/runs; until [ -e $HOME/go ]; do sleep 0.05; done; echo counted';
  return system.model.on(`Count your runs at Daytona (${name})`, { work: [bash(command), ...greet] });
}

async function expectGreeting(id: string, repository: string): Promise<void> {
  const { result } = await system.completed(id);
  expect(result).toMatchObject({ pushed: true, verified: true, evidence: [{ command: CHECK, exit_code: 0 }] });
  expect(await git(repository, 'show', `${result.branch}:greeting.txt`)).toBe('hello');
}

describe('a session whose commands run at Daytona', () => {
  it('made by REST ends with a pushed branch and evidence, and never had the key', async () => {
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
    const input = JSON.stringify({
      apiVersion: 'sweagent.dev/v1alpha1',
      kind: 'AgentSession',
      metadata: { name: 'applied' },
      spec: { goal, repository: { url: repository }, sandbox },
    });
    expect((await system.kubectl(['apply', '-f', '-'], { input })).code).toBe(0);
    const waited = await system.kubectl(['wait', '--for=jsonpath={.status.phase}=Completed', 'ags/applied', '--timeout=60s']);
    expect(waited.code).toBe(0);
    const { dto } = await theSandbox();
    const { status } = JSON.parse((await system.kubectl(['get', 'ags', 'applied', '-o', 'json'])).out);
    expect(status.sandbox).toEqual({ type: 'daytona', name: dto.name, uid: dto.id });
    expect(dto).toMatchObject({ target: 'us', autoDeleteInterval: 0 });
  });

  it('goes on after kill -9 of the operator with the command that ran, which ran once', async () => {
    const repository = await system.repository('crash');
    const id = await system.session(counting('crash'), repository);
    const sandbox = await theSandbox();
    await eventually('the command', () => runsOf(sandbox) === 1);
    await system.kill();
    await system.start();
    await system.until(id, 'the command to be seen', ({ activity }) => activity?.summary.includes('runs') ?? false);
    writeFileSync(homeOf(sandbox, 'go'), '');
    await expectGreeting(id, repository);
    expect(runsOf(sandbox)).toBe(1);
    expect((await theSandbox()).dto.id).toBe(sandbox.dto.id);
  });

  for (const [what, happens] of [
    ['deleted', (sandbox: TestSandbox) => server.control.delete(sandbox)],
    ['stopped', (sandbox: TestSandbox) => server.control.stop(sandbox)],
    ['archived', (sandbox: TestSandbox) => server.control.archive(sandbox)],
  ] as const) {
    it(`goes on when its sandbox was ${what} by somebody else, and never takes the lost command for a success`, async () => {
      const repository = await system.repository(what);
      const goal = counting(what);
      const id = await system.session(goal, repository);
      const sandbox = await theSandbox();
      await eventually('the command', () => runsOf(sandbox) === 1);
      await happens(sandbox);
      await expectGreeting(id, repository);
      expect(system.model.results(goal)[0]).not.toMatch(/counted|exit code 0/);
    });
  }
});
