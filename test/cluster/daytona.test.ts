/** Sessions of a real cluster whose commands run at Daytona, beside those in Pods. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { TestSandbox } from '../support/daytona/control-plane.ts';
import { DaytonaServer } from '../support/daytona/server.ts';
import { eventually, patience } from '../support/eventually.ts';
import { git } from '../support/git-repository.ts';
import { bash, CHECK, greet } from '../support/scripted-sessions.ts';
import { describeOnCluster } from './cluster.ts';
import { Installation, SESSION_MS } from './installation.ts';

const LONG_MS = 3 * SESSION_MS;

describeOnCluster('Daytona and a cluster', (cluster) => {
  let server: DaytonaServer;
  let installation: Installation;
  const start = (name: string) =>
    installation.operator(name, {
      DAYTONA_API_KEY: server.apiKey,
      DAYTONA_SERVER_URL: server.url,
      DAYTONA_INSTALLATION: installation.namespace,
    });

  beforeAll(async () => {
    server = await DaytonaServer.start();
    installation = await Installation.open(cluster);
  }, LONG_MS);
  afterAll(async () => {
    await installation?.[Symbol.asyncDispose]();
    await server?.close();
  }, LONG_MS);

  const theSandbox = () => eventually('a sandbox at Daytona', () => server.control.all()[0], SESSION_MS);
  const homeOf = (sandbox: TestSandbox, file: string) => join(sandbox.toolbox.home, 'swe-agent/home', file);

  /** What every session here comes to: a branch, evidence, no Pod, and with it goes its sandbox. */
  async function expectDelivered(name: string, sandbox: TestSandbox, folder: string): Promise<void> {
    await installation.finished(name);
    const status = JSON.parse(await installation.read('agentsession', name, '.status'));
    const { dto } = sandbox;
    expect(status).toMatchObject({
      phase: 'Completed',
      sandbox: { type: 'daytona', name: dto.name, uid: dto.id },
      result: { verified: true, pushed: true, evidence: [{ command: CHECK, exitCode: 0 }] },
    });
    expect(await git(folder, 'show', `${status.result.branch}:greeting.txt`)).toBe('hello');
    expect(await installation.must('get', 'pods', '-o', 'name')).toBe('');
    expect(server.control.made).toBe(1);
    await installation.must('delete', 'agentsession', name);
    expect(server.control.all()).toEqual([]);
    server.control.made = 0;
  }

  it(
    'bring a session that was applied to its end, also when the operator dies in the middle, and its command runs once',
    async () => {
      const { url, folder } = await installation.repository('applied');
      const work = [bash('echo run >>$HOME/runs; until [ -e $HOME/go ]; do sleep 0.1; done; echo counted'), ...greet];
      const goal = installation.model.on('Greet as applied, from Daytona', { work });
      const first = await start('operator-1');
      await installation.session('applied', goal, url, { sandbox: { type: 'daytona', image: 'python:3.12-slim' } });
      const sandbox = await theSandbox();
      await eventually('the command', () => existsSync(homeOf(sandbox, 'runs')), SESSION_MS);
      const uid = await installation.read('agentsession', 'applied', '.metadata.uid');
      expect(sandbox.dto.labels).toMatchObject({
        'sweagent.dev/installation': installation.namespace,
        'sweagent.dev/session-namespace': installation.namespace,
        'sweagent.dev/session-name': 'applied',
        'sweagent.dev/session-uid': uid,
      });
      await first.kill();
      const second = await start('operator-2');
      const next = (await second.logs('the operator is up')).holder;
      const holder = () => installation.redis.admin.hget(`swe-agent:{${uid}}:claim`, 'holder');
      await eventually('the next owner', async () => (await holder()) === next);
      writeFileSync(homeOf(sandbox, 'go'), '');
      await installation.finished('applied');
      expect(readFileSync(homeOf(sandbox, 'runs'), 'utf8')).toBe('run\n');
      expect(installation.model.results(goal).join('\n')).toContain('counted');
      await expectDelivered('applied', sandbox, folder);
      expect(await second.stop()).toMatchObject({ code: '0' });
    },
    LONG_MS,
  );

  it(
    'bring a session that came through REST to its end, by a gateway that offers Daytona and has no key',
    async () => {
      const { url, folder } = await installation.repository('asked');
      const goal = installation.model.on('Greet as asked over REST, from Daytona');
      const operator = await start('operator-3');
      const gateway = await installation.gateway({ API_AUTH: 'none', DAYTONA_INSTALLATION: installation.namespace });
      const ask = async (path: string, body?: object) => {
        const sent = body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
        return JSON.parse(await (await fetch(`${gateway.url}${path}`, { signal: patience(), ...sent })).text());
      };
      expect(await ask('/agent/me')).toMatchObject({ sandbox_types: ['pod', 'daytona'] });
      const { session_id: id } = await ask('/agent/sessions', { goal, repo_url: url, sandbox: { type: 'daytona' } });
      const sandbox = await theSandbox();
      await installation.finished(id);
      expect(await ask(`/agent/sessions/${id}`)).toMatchObject({
        status: 'COMPLETED',
        sandbox: { type: 'daytona', name: sandbox.dto.name, uid: sandbox.dto.id },
        result: { verified: true },
      });
      await expectDelivered(id, sandbox, folder);
      for (const process of [gateway.process, operator]) expect(await process.stop()).toMatchObject({ code: '0' });
    },
    LONG_MS,
  );
});
