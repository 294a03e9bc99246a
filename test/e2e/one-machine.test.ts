/** How the process starts, and what it says when it cannot, before there is any sandbox. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { git } from '../support/git-repository.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { System } from '../support/system.ts';

const withKubectl = itWithKubectl();

let system: System;

beforeAll(async () => {
  system = await System.start();
});
afterAll(() => system[Symbol.asyncDispose]());

describe('a second process', () => {
  it('on the same state folder ends at once, says who has it, and harms nothing', async () => {
    const goal = system.model.on('Greet undisturbed');
    const id = await system.session(goal, await system.repository('greeter'), { mode: 'review' });
    await system.until(id, 'the plan', ({ status }) => status === 'WAITING_FOR_USER');
    const { code, said } = await system.startAnother();
    expect(code).toBe('1');
    expect(said.trim()).toBe(
      `swe-agent: the state folder ${system.path('state')} is in use by another process (pid ${system.pid}): stop it, or set SWE_AGENT_STATE_DIR to another folder`,
    );
    await system.act(id, 'approve');
    await system.completed(id);
    await system.clear();
  });

  it('on the same port ends at once, names the port and says what to do, and leaves its folder free', async () => {
    const port = new URL(system.url).port;
    const env = { PORT: port, SWE_AGENT_STATE_DIR: system.path('state-2'), SWE_AGENT_WORKSPACE: system.path('workspace-2') };
    for (const attempt of [1, 2]) {
      const { code, said } = await system.startAnother(env);
      expect({ attempt, code }).toEqual({ attempt, code: '1' });
      expect(said.trim().split('\n')).toHaveLength(1);
      expect(said).toContain(port);
      expect(said).toMatch(/in use.*PORT/);
    }
    expect(readdirSync(system.path('workspace-2'))).toEqual([]);
  });
});

describe('a setting that cannot be used', () => {
  it.each([
    [{ PORT: 'eighty' }, /PORT=eighty: write a whole number/],
    [{ SANDBOX_TYPE: 'daytona' }, /DAYTONA_API_KEY: SANDBOX_TYPE=daytona needs a key/],
    [{ SANDBOX_TYPE: 'k8s', WORKER_IMAGE: 'w' }, /^swe-agent: no cluster is configured: .*set KUBECONFIG to the file/],
    [{ REDIS_URL: 'http://:pass-word-1@localhost:6379' }, /REDIS_URL=http:\/\/\*\*\*@localhost:6379: write redis:/],
    [
      { SWE_AGENT_WORKSPACE: '/dev/null/w' },
      /the workspace \/dev\/null\/w cannot be used \(a part of its path is a file\): move .*, or set SWE_AGENT_WORKSPACE/,
    ],
    [
      { SWE_AGENT_STATE_DIR: '/dev/null/state' },
      /the state folder \/dev\/null\/state cannot be used \(a part of its path is a file\): move .*, or set SWE_AGENT_STATE_DIR/,
    ],
    [
      { SWE_AGENT_STATE_DIR: '/proc/state/deep' },
      /the state folder \/proc\/state\/deep cannot be used .*, or set SWE_AGENT_STATE_DIR/,
    ],
    [
      { SWE_AGENT_WORKSPACE: '/proc/work/deep' },
      /the workspace \/proc\/work\/deep cannot be used .*, or set SWE_AGENT_WORKSPACE/,
    ],
  ])('stops the start in words: %j', async (env, words) => {
    const { code, said } = await system.startAnother({ SWE_AGENT_STATE_DIR: system.path('state-3'), ...env });
    expect(code).toBe('1');
    expect(said).toMatch(words);
    expect(said).not.toMatch(/\n\s+at /);
    expect(said).not.toContain('pass-word-1');
  });

  it('stops the start when Pods would be made in its own API', async () => {
    const state = system.path('state-3');
    const KUBECONFIG = join(state, 'kubeconfig');
    const { code, said } = await system.startAnother({
      SWE_AGENT_STATE_DIR: state,
      SANDBOX_TYPE: 'k8s',
      WORKER_IMAGE: 'w',
      KUBECONFIG,
    });
    expect(code).toBe('1');
    expect(said).toMatch(/^swe-agent: KUBECONFIG=.*state-3\/kubeconfig leads to this system's own API.*unset it/);
  });

  it('says which key the chosen model needs, and starts nevertheless', async () => {
    const other = await System.start({
      env: { OPENAI_API_KEY: undefined, OPENAI_BASE_URL: undefined, MODEL_NAME: 'gemini-3.5' },
    });
    try {
      expect(other.output).toMatch(/Note: .*MODEL_NAME=gemini-3\.5 needs GOOGLE_API_KEY/);
      expect((await other.request('GET', '/readyz')).status).toBe(200);
    } finally {
      await other[Symbol.asyncDispose]();
    }
  });
});

describe('the .env of the tasks guide', () => {
  const file = `# LLM Configuration
OPENAI_API_KEY=sk-your-openai-key
GOOGLE_API_KEY=AIza-your-google-key
MODEL_NAME=ops-4.5 # Options: ops-4.5 (GPT-4), gemini-3.5 (Gemini Pro 1.5)

# Git Configuration (for the agent to commit/push)
GIT_USERNAME=swe-agent-bot
GIT_EMAIL=bot@example.com
GIT_TOKEN=github_pat_... # Personal Access Token for HTTPS auth

SANDBOX_TYPE=local
K8S_NAMESPACE=agents
WORKER_IMAGE=python:3.12-slim # The image used for the worker pods
`;
  const names = ['OPENAI_API_KEY', 'MODEL_NAME', 'GIT_USERNAME', 'GIT_EMAIL'];

  withKubectl('is taken as it stands, in a namespace of its own, and what in it is an example is said to be one', async () => {
    const env = Object.fromEntries(names.map((name) => [name, undefined]));
    await using other = await System.start({ envFile: file, env });
    expect(other.output).toContain('GIT_TOKEN still holds an example');
    const goal = other.model.on('Greet by the guide');
    const repository = await other.repository('greeter');
    const done = await other.completed(await other.session(goal, repository));
    expect(await git(repository, 'log', '-1', '--format=%an <%ae>', done.result.branch)).toBe('swe-agent-bot <bot@example.com>');
    expect(new Set(other.model.requests(goal).map(({ model }) => model)).size).toBe(1);
    // kubectl needs not be told where they are.
    expect((await other.kubectl(['get', 'ags', '--no-headers'])).out).toMatch(new RegExp(`^${done.id} +Completed`));
    expect((await other.kubectl(['get', 'ags', done.id, '-n', 'agents', '-o', 'name'])).code).toBe(0);
    await other.stop();
    await other.start();
    expect((await other.view(done.id)).status).toBe('COMPLETED');
  });
});
