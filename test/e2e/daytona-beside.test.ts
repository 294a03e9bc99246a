/** Daytona as one of several places where commands run, behind a connection that a test can break. */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DaytonaTransport } from '../../operator/sandbox/daytona/transport.ts';
import type { SandboxOwner } from '../../operator/sandbox/transport.ts';
import type { TestSandbox } from '../support/daytona/control-plane.ts';
import { DaytonaServer } from '../support/daytona/server.ts';
import { eventually, patience } from '../support/eventually.ts';
import { git } from '../support/git-repository.ts';
import { Line } from '../support/redis-line.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { bash, greet } from '../support/scripted-sessions.ts';
import { type RestSession, System } from '../support/system.ts';

const withKubectl = itWithKubectl();

let server: DaytonaServer;
let line: Line;
let system: System;
const gone: SandboxOwner = { uid: 'uid-gone', name: 'gone', namespace: 'default' };

beforeAll(async () => {
  server = await DaytonaServer.start();
  const { port } = new URL(server.url);
  line = new Line(() => connect(Number(port), '127.0.0.1'));
  await line.listen();
  for (const installation of ['own', 'other']) await transport(installation).provision(gone, {}, patience());
  const env = {
    DAYTONA_API_KEY: server.apiKey,
    DAYTONA_SERVER_URL: `http://127.0.0.1:${line.port}/api`,
    DAYTONA_INSTALLATION: 'own',
  };
  system = await System.start({ env });
});
afterEach(async () => {
  await system.clear();
  await eventually('the sandboxes of sessions to be gone', () => sandboxes().length === 0);
});
afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await line.close();
  await server.close();
});

const transport = (installation: string) =>
  new DaytonaTransport({ apiKey: server.apiKey, apiUrl: server.url, installation, image: 'ubuntu:22.04' });

/** Of sessions that there are. */
const sandboxes = () => server.control.all().filter(({ dto }) => dto.labels['sweagent.dev/session-uid'] !== gone.uid);

/** A session that completed, with its sandbox at Daytona still there. */
async function rested(name: string): Promise<string> {
  const goal = system.model.on(`Greet from Daytona (${name})`);
  const id = await system.session(goal, await system.repository(name), { sandbox: { type: 'daytona' } });
  await system.completed(id);
  expect(sandboxes()).toHaveLength(1);
  return id;
}

/** A session with a command that ends when its sandbox does, and the sandbox. */
async function working(name: string): Promise<{ id: string; sandbox: TestSandbox }> {
  const work = [bash('touch $HOME/begun; until [ -e $HOME/go ]; do sleep 0.05; done'), ...greet];
  const goal = system.model.on(`Wait at Daytona (${name})`, { work });
  const id = await system.session(goal, await system.repository(name), { sandbox: { type: 'daytona' } });
  const sandbox = await eventually('a sandbox at Daytona', () => sandboxes()[0]);
  await eventually('the command', () => existsSync(join(sandbox.toolbox.home, 'swe-agent/home/begun')));
  return { id, sandbox };
}

async function shown(id: string): Promise<{ type: string; name: string; uid: string }> {
  const { body } = await system.request<{ sandbox: { type: string; name: string; uid: string } }>('GET', `/agent/sessions/${id}`);
  return body.sandbox;
}

const timed = { last_transition_time: expect.any(String), observed_generation: expect.any(Number) };
const readiness = ({ conditions }: RestSession) => conditions.find(({ type }) => type === 'SandboxReady');
const kept = ({ reason }: RestSession) => reason === 'CleanupFailed';
const isGone = (id: string) =>
  eventually(`${id} to be gone`, async () => (await system.request('GET', `/agent/sessions/${id}`)).status === 404);

describe('Daytona beside the machine itself', () => {
  withKubectl('has the commands of the session that asks for it, and shows which sandbox it is', async () => {
    const repository = await system.repository('asks');
    const here = await system.session(system.model.on('Greet from here'), await system.repository('here'));
    const id = await rested('asks');
    await system.completed(here);
    const [sandbox] = sandboxes();
    expect(await shown(id)).toMatchObject({ type: 'daytona', name: sandbox?.dto.name, uid: sandbox?.dto.id });
    const object = JSON.parse((await system.kubectl(['get', 'ags', id, '-o', 'json'])).out);
    expect(object.status.sandbox).toEqual({ type: 'daytona', name: sandbox?.dto.name, uid: sandbox?.dto.id });
    const { result } = await system.completed(id);
    expect(await git(repository, 'show', `${result.branch}:greeting.txt`)).toBe('hello');
  });

  it('that cannot be reached keeps a deleted session, which says why, until it can', async () => {
    const id = await rested('unreachable');
    line.refuse();
    expect((await system.request('DELETE', `/agent/sessions/${id}`)).status).toBeLessThan(300);
    const { message } = await system.until(id, 'the reason', kept);
    expect(message).toMatch(/Daytona could not look for a sandbox: .*DAYTONA_SERVER_URL\) can be reached/);
    expect(message).toContain('60 s after the first try the session goes all the same');
    expect(sandboxes()).toHaveLength(1);
    line.pass();
    await isGone(id);
    expect(sandboxes()).toEqual([]);
  });

  withKubectl('that refuses the key keeps a deleted session, whose description says so, until it is accepted', async () => {
    const id = await rested('refused');
    const { apiKey } = server;
    server.apiKey = 'dtn_another';
    expect((await system.kubectl(['delete', 'ags', id, '--wait=false'])).code).toBe(0);
    const described = await system.described(id, /Reason:\s+CleanupFailed/);
    expect(described).toMatch(/does not accept the key; set DAYTONA_API_KEY to one that is valid/);
    expect(described).toMatch(/Type:\s+Deleted/);
    expect(described).not.toContain(apiKey);
    server.apiKey = apiKey;
    await isGone(id);
    expect(sandboxes()).toEqual([]);
  });

  for (const [state, comesTo] of [
    ['stopped', (sandbox: TestSandbox) => server.control.stop(sandbox)],
    ['archived', (sandbox: TestSandbox) => server.control.archive(sandbox)],
  ] as const) {
    it(`tells of a sandbox that somebody ${state} that it is started again, and of its end`, async () => {
      const { id, sandbox } = await working(state);
      await comesTo(sandbox);
      const held = Promise.withResolvers<void>();
      sandbox.moving = held.promise;
      const { conditions } = await system.until(id, 'the state', (session) => readiness(session)?.reason === 'SandboxStarting');
      const message = `the sandbox ${sandbox.dto.name} was ${state} and is started again`;
      expect(conditions).toContainEqual({ type: 'SandboxReady', status: 'False', ...timed, reason: 'SandboxStarting', message });
      held.resolve();
      await system.until(id, 'the sandbox to be ready', (session) => readiness(session)?.status === 'True');
      await system.completed(id);
      expect((await shown(id)).uid).toBe(sandbox.dto.id);
    });
  }

  it('tells why a sandbox failed, and has another one take its place', async () => {
    const { id, sandbox } = await working('failed');
    await server.control.stop(sandbox);
    server.control.fail(sandbox, 'the runner died');
    const { logs } = await system.completed(id);
    const failed = `Sandbox lost: the sandbox ${sandbox.dto.name} at Daytona failed (error): the runner died`;
    expect(logs).toContain(failed);
    const { uid } = await shown(id);
    expect(sandboxes().map(({ dto }) => dto.id)).toEqual([uid]);
    expect(uid).not.toBe(sandbox.dto.id);
  });

  it('loses the sandbox of a session that is no more, and keeps that of another installation', async () => {
    const left = () => server.control.all().map(({ dto }) => dto.labels['sweagent.dev/installation']);
    // The look after the first start may have been while another test kept Daytona away, and the next is in ten minutes.
    await system.stop();
    await system.start();
    await eventually('the sweep', () => left().length === 1);
    expect(left()).toEqual(['other']);
  });
});
