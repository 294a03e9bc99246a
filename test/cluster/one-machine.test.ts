/** Everything in one process on this machine, with SANDBOX_TYPE=k8s: objects in the embedded API, Pods in the cluster. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually, patience } from '../support/eventually.ts';
import { git } from '../support/git-repository.ts';
import { kubectl } from '../support/kubectl.ts';
import { bash, greet } from '../support/scripted-sessions.ts';
import { describeOnCluster } from './cluster.ts';
import { Installation, SESSION_MS, type SystemProcess } from './installation.ts';

const LONG_MS = 3 * SESSION_MS;

type View = { status: string; reason: string | null; logs: string[]; result: { branch: string } | null };

describeOnCluster('one machine with Pods of a cluster', (cluster) => {
  let installation: Installation;
  let system: SystemProcess;
  let url: string;

  async function start(): Promise<void> {
    const { REDIS_URL: _, SWE_AGENT_INSTALLATION: __, ...environment } = installation.operatorEnvironment('machine');
    system = installation.run('local/main.ts', { ...environment, SANDBOX_TYPE: 'k8s' });
    url = await system.says(/ready on (http:\S+)/);
  }

  beforeAll(async () => {
    installation = await Installation.open(cluster);
    await start();
  }, LONG_MS);
  afterAll(() => installation?.[Symbol.asyncDispose](), LONG_MS);

  async function rest<T>(method: string, path: string, body?: object): Promise<T> {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}${path}`, {
      method,
      headers,
      signal: patience(),
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  const podOf = async (id: string) => {
    const listed = JSON.parse(await installation.must('get', 'pods', '-o', 'json')) as {
      items: { metadata: { name: string; annotations: Record<string, string>; labels: object; ownerReferences?: object } }[];
    };
    return listed.items.find(({ metadata }) => metadata.annotations['sweagent.dev/session']?.endsWith(`/${id}`));
  };

  it(
    'runs a session in a Pod that it knows by its labels, goes on with its command after a restart, and removes all with it',
    async () => {
      const repository = await installation.repository('greeter');
      const work = [bash('echo run >>$HOME/runs; until [ -e $HOME/go ]; do sleep 0.1; done; echo counted'), ...greet];
      const goal = installation.model.on('Greet from afar', { work });
      const { session_id: id } = await rest<{ session_id: string }>('POST', '/agent/sessions', {
        goal,
        repo_url: repository.url,
      });
      const pod = await eventually('the Pod', () => podOf(id), SESSION_MS);
      const inPod = (script: string) => installation.kube('exec', pod.metadata.name, '--', 'sh', '-c', script);
      await eventually('the command', async () => (await inPod('cat /workspace/home/runs')).out === 'run\n', SESSION_MS);
      expect(pod.metadata.ownerReferences).toBeUndefined();
      expect(pod.metadata.labels).toMatchObject({ 'sweagent.dev/installation': expect.stringMatching(/^machine-/) });

      expect(await system.stop()).toMatchObject({ code: '0' });
      await start();
      await inPod('touch /workspace/home/go');
      const view = () => rest<View>('GET', `/agent/sessions/${id}`);
      const done = await eventually('the end', async () => (await view()).status !== 'RUNNING' && view(), SESSION_MS);
      expect(done).toMatchObject({ status: 'COMPLETED', result: { verified: true, pushed: true } });
      expect((await inPod('cat /workspace/home/runs')).out).toBe('run\n');
      expect(await git(repository.folder, 'show', `${done.result?.branch}:greeting.txt`)).toBe('hello');

      // The objects are here, and only the Pods there.
      const embedded = kubectl(join(installation.folder, 'machine/kubeconfig'), join(installation.folder, 'embedded'));
      expect((await embedded(['get', 'ags', id, '-o', 'jsonpath={.status.sandbox.type}'])).out).toBe('pod');
      expect((await installation.kube('get', 'agentsessions', '-o', 'name')).out).toBe('');

      await rest('DELETE', `/agent/sessions/${id}`);
      await eventually('the Pod to go', async () => (await podOf(id)) === undefined);
      await eventually('the policy to go', async () => (await installation.must('get', 'networkpolicies', '-o', 'name')) === '');
      expect(await system.stop()).toMatchObject({ code: '0' });
    },
    LONG_MS,
  );
});
