/** Daytona as one of several places where commands run, behind a connection that a test can break. */
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DaytonaTransport } from '../../operator/sandbox/daytona/transport.ts';
import type { SandboxOwner } from '../../operator/sandbox/transport.ts';
import { DaytonaServer } from '../support/daytona/server.ts';
import { eventually, patience } from '../support/eventually.ts';
import { git } from '../support/git-repository.ts';
import { Line } from '../support/redis-line.ts';
import { itWithKubectl } from '../support/requirements.ts';
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

const kept = ({ reason }: RestSession) => reason === 'CleanupFailed';
const isGone = (id: string) =>
  eventually(`${id} to be gone`, async () => (await system.request('GET', `/agent/sessions/${id}`)).status === 404);

describe('Daytona beside the machine itself', () => {
  it('has the commands of the session that asks for it, and shows which sandbox it is', async () => {
    const repository = await system.repository('asks');
    const here = await system.session(system.model.on('Greet from here'), await system.repository('here'));
    const id = await rested('asks');
    await system.completed(here);
    const [sandbox] = sandboxes();
    const { body } = await system.request<{ sandbox: object }>('GET', `/agent/sessions/${id}`);
    expect(body.sandbox).toMatchObject({ type: 'daytona', name: sandbox?.dto.name, uid: sandbox?.dto.id });
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

  it('loses the sandbox of a session that is no more, and keeps that of another installation', async () => {
    const left = () => server.control.all().map(({ dto }) => dto.labels['sweagent.dev/installation']);
    await eventually('the sweep', () => left().length === 1);
    expect(left()).toEqual(['other']);
  });
});
