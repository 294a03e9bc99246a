/** A whole installation on a real cluster: objects and Pods there, the log in Redis, its processes on this machine. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually, patience } from '../support/eventually.ts';
import { git } from '../support/git-repository.ts';
import { bash, CHECK, greet } from '../support/scripted-sessions.ts';
import { describeOnCluster } from './cluster.ts';
import { Installation, SESSION_MS, type SystemProcess } from './installation.ts';

const LONG_MS = 3 * SESSION_MS;

describeOnCluster('an installation on a cluster', (cluster) => {
  let installation: Installation;
  let operator: SystemProcess;

  beforeAll(async () => {
    installation = await Installation.open(cluster);
    operator = await installation.operator('operator-1');
  }, LONG_MS);
  afterAll(() => installation?.[Symbol.asyncDispose](), LONG_MS);

  it(
    'completes a session that was applied, in a Pod of its own, and pushes its branch',
    async () => {
      const { url, folder } = await installation.repository('applied');
      await installation.session('applied', installation.model.on('Greet from a Pod'), url);
      await installation.finished('applied');
      const status = JSON.parse(await installation.read('agentsession', 'applied', '.status'));
      expect(status).toMatchObject({
        phase: 'Completed',
        sandbox: { type: 'pod', name: 'applied-sandbox' },
        result: { verified: true, evidence: [{ command: CHECK, exitCode: 0 }] },
      });
      expect(await git(folder, 'show', `${status.result.branch}:greeting.txt`)).toBe('hello');
      const pod = JSON.parse(await installation.must('get', 'pod', 'applied-sandbox', '-o', 'json'));
      expect(pod.metadata.ownerReferences).toEqual([expect.objectContaining({ kind: 'AgentSession', name: 'applied' })]);
      expect(pod.spec.containers).toEqual([expect.objectContaining({ image: 'python:3.12-slim' })]);
      await installation.must('delete', 'agentsession', 'applied');
      await eventually('the Pod to go', async () => (await installation.read('pod', 'applied-sandbox', '.metadata.name')) === '');
      expect(await installation.redis.admin.keys('*')).toEqual([]);
    },
    LONG_MS,
  );

  it(
    'completes a session that came through REST with the token of a ServiceAccount, which is its author',
    async () => {
      const { url } = await installation.repository('asked');
      const rights = ['create', 'get', 'list'].map((verb) => `--verb=${verb}`);
      await installation.must('create', 'serviceaccount', 'ada');
      await installation.must(
        'create',
        'role',
        'asks',
        ...rights,
        '--resource=agentsessions.sweagent.dev,agentsessions.sweagent.dev/log',
      );
      await installation.must('create', 'rolebinding', 'asks', '--role=asks', `--serviceaccount=${installation.namespace}:ada`);
      const token = (await installation.must('create', 'token', 'ada')).trim();
      const auth = { API_AUTH: 'kubernetes' };
      const gateways = [await installation.gateway(auth), await installation.gateway(auth)];
      const ask = async (gateway: number, path: string, body?: object) => {
        const response = await fetch(`${gateways[gateway]?.url}${path}`, {
          method: body ? 'POST' : 'GET',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          signal: patience(),
          ...(body && { body: JSON.stringify(body) }),
        });
        return JSON.parse(await response.text());
      };
      const status = async (bearer: string) => {
        const headers = { authorization: `Bearer ${bearer}` };
        return (await fetch(`${gateways[0]?.url}/agent/sessions`, { headers, signal: patience() })).status;
      };
      const { session_id: id } = await ask(0, '/agent/sessions', {
        goal: installation.model.on('Greet over REST'),
        repo_url: url,
      });
      await installation.finished(id);
      // Another gateway knows the same.
      expect(await ask(1, `/agent/sessions/${id}`)).toMatchObject({
        status: 'COMPLETED',
        author: `system:serviceaccount:${installation.namespace}:ada`,
        logs: expect.arrayContaining(['Starting session...', 'PLANNER: Generating plan...', 'PROGRAMMER: Executing plan...']),
        result: { verified: true },
      });
      await installation.must('create', 'serviceaccount', 'bob');
      const other = (await installation.must('create', 'token', 'bob')).trim();
      const [own, unknown] = [await status(other), await status('unknown')];
      expect([own, unknown]).toEqual([403, 401]);
      for (const gateway of gateways) expect(await gateway.process.stop()).toMatchObject({ code: '0' });
      await installation.must('delete', 'agentsession', id);
    },
    LONG_MS,
  );

  it(
    'hands a session over when it is told to stop, and the command that runs goes on and runs once',
    async () => {
      const { url } = await installation.repository('handed');
      const work = [bash('echo run >>$HOME/runs; until [ -e $HOME/go ]; do sleep 0.1; done; echo counted'), ...greet];
      await installation.session('handed', installation.model.on('Greet twice owned', { work }), url);
      const inPod = (script: string) => installation.kube('exec', 'handed-sandbox', '--', 'sh', '-c', script);
      await eventually('the command', async () => (await inPod('cat /workspace/home/runs')).out === 'run\n', SESSION_MS);
      const second = await installation.operator('operator-2');
      const next = (await second.logs('the operator is up')).holder;
      const uid = await installation.read('agentsession', 'handed', '.metadata.uid');
      const holder = () => installation.redis.admin.hget(`swe-agent:{${uid}}:claim`, 'holder');
      expect(await holder()).toBe((await operator.logs('the operator is up')).holder);
      const { code, ms } = await operator.stop();
      // Else it would say that it did not stop in time.
      expect(code).toBe('0');
      console.info(`the operator stopped within ${Math.round(ms)} ms`);
      expect(await holder()).not.toBe((await operator.logs('the operator is up')).holder);
      await eventually('the next owner', async () => (await holder()) === next);
      await inPod('touch /workspace/home/go');
      await installation.finished('handed');
      expect(await installation.read('agentsession', 'handed', '.status.phase')).toBe('Completed');
      expect((await inPod('cat /workspace/home/runs')).out).toBe('run\n');
      expect(installation.model.results('Greet twice owned').join('\n')).toContain('counted');
      operator = second;
      await installation.must('delete', 'agentsession', 'handed');
    },
    LONG_MS,
  );

  it('says how it is, and what it counts', async () => {
    const { probes } = await operator.logs('the operator is up');
    const get = (path: string) => fetch(`${probes}${path}`, { signal: patience() });
    expect(await (await get('/readyz')).json()).toEqual({ status: 'ready', checks: { kubernetes: 'ok' } });
    expect((await get('/healthz')).status).toBe(200);
    expect(await (await get('/metrics')).text()).toMatch(/^swe_agent_operator_session_limit 200$/m);
    expect((await get('/agent/sessions')).status).toBe(404);
  });
});
