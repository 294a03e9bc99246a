/**
 * The image installed on a cluster by both ways, with sessions in it: the chart from install to uninstall, and the plain
 * recipe of the user guide. The chart that is upgraded is the one that was released last, as it was packaged; its Pods run
 * today's image, since no other is kept.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { CHART } from '../../scripts/plain-manifest.ts';
import { eventually, patience } from '../support/eventually.ts';
import { git } from '../support/git-repository.ts';
import { bash, greet } from '../support/scripted-sessions.ts';
import { describeWithHelm, previousChart } from './charts.ts';
import { describeOnCluster, type TestCluster } from './cluster.ts';
import { describeWithImage } from './main-image.ts';
import { GIT_TOKEN, Outside } from './outside.ts';
import { importPodImages, TOOLBOX_IMAGE } from './pod-images.ts';
import { TestRelease } from './releases.ts';

const MODEL = 'scripted-stand-in';
const SESSION_MS = 120_000;
const LONG_MS = 6 * SESSION_MS;

describeOnCluster('the image on a cluster', (cluster) => {
  const address = cluster.hostAddress;
  if (address === undefined) {
    console.warn('the tests of the image on a cluster are skipped: E2E_HOST_ADDRESS is not set');
    describe.skip('installed', () => it('needs an address of this machine', () => undefined));
    return;
  }
  describeWithHelm('installed', (helm) =>
    describeWithImage('from an image', cluster, (image) => tests(cluster, helm, address, image)),
  );
});

function tests(cluster: TestCluster, helm: string, address: string, image: () => string): void {
  it(
    'is tested, upgraded while a session works, rolled back, and uninstalled with nothing left behind',
    async () => {
      await importPodImages(cluster);
      await using release = await TestRelease.open(cluster, helm);
      await using outside = await Outside.open(address, join(release.folder, 'repositories'));
      const values = join(release.folder, 'values.json');
      await configure(release, outside);
      const small = { requests: { cpu: '10m', memory: '64Mi' } };
      const mounted = {
        volumes: [{ name: 'ca', configMap: { name: 'ca' } }],
        volumeMounts: [{ name: 'ca', mountPath: '/etc/test' }],
      };
      writeFileSync(
        values,
        JSON.stringify({
          image: imageOf(image()),
          operator: { resources: small, env: [{ name: 'GIT_SSL_CAINFO', value: '/etc/test/ca.pem' }], ...mounted },
          gateway: { resources: small },
          sandbox: { image: 'python:3.12-slim', defaults: { resources: small } },
          redis: { image: { tag: '7' }, resources: small, persistence: { keep: false, size: '1Gi' } },
          credentials: { existingSecret: 'swe-agent-secrets' },
          git: { tokenHosts: [outside.gitHost] },
        }),
      );
      // Which has no other way to say these, and an image of its own for the toolbox.
      const earlier = `model.name=${MODEL},model.openaiBaseUrl=${outside.modelUrl},sandbox.toolboxImage=${TOOLBOX_IMAGE}`;
      await release.install(previousChart().path, `--values=${values}`, `--set=${earlier}`, '--wait');
      expect(await release.helm('test', release.name, '--timeout=120s')).toMatchObject({ code: 0 });

      // With a token of the cluster, whose rights decide.
      await release.ask('create', 'serviceaccount', 'ada');
      const token = (await release.ask('create', 'token', 'ada')).trim();
      const { url, folder } = await outside.repository('greeter');
      const waiting = 'echo run >>$HOME/runs; until [ -e $HOME/go ]; do sleep 0.1; done';
      const goal = outside.model.on('Greet across an upgrade', { work: [bash(waiting), ...greet] });
      const id = await throughGateway(release, 'agents-swe-agent', async (base) => {
        const asked = () => call(base, '/agent/sessions', { token, body: { goal, repo_url: url } });
        expect(await asked()).toMatchObject({ status: 403 });
        await release.ask('create', 'rolebinding', 'ada', '--clusterrole=edit', `--serviceaccount=${release.namespace}:ada`);
        const { answer } = await eventually('the right to be known', async () => {
          const tried = await asked();
          return tried.status === 201 ? tried : undefined;
        });
        return String(answer.session_id);
      });
      const inPod = (script: string) => release.kubectl('exec', `${id}-sandbox`, '--', 'sh', '-c', script);
      await eventually('the command', async () => (await inPod('cat /workspace/home/runs')).out === 'run\n', SESSION_MS);

      await release.install(
        CHART,
        `--values=${values}`,
        '--wait',
        '--set=operator.podAnnotations.again=yes,gateway.podAnnotations.again=yes',
      );
      await inPod('touch /workspace/home/go');
      await finished(release, id);
      expect((await inPod('cat /workspace/home/runs')).out).toBe('run\n');
      const session = JSON.parse(await release.ask('get', 'agentsession', id, '-o', 'json'));
      expect(session).toMatchObject({
        spec: { author: `system:serviceaccount:${release.namespace}:ada` },
        status: { phase: 'Completed', result: { verified: true } },
      });
      expect(await git(folder, 'show', `${session.status.result.branch}:greeting.txt`)).toBe('hello');

      await release.apply(sessionOf(release, 'upgraded', outside.model.on('Greet after an upgrade'), url));
      await finished(release, 'upgraded');
      const toolbox = await release.ask('get', 'pod', 'upgraded-sandbox', '-o', 'jsonpath={.spec.initContainers[*].image}');
      expect(toolbox).toBe(image());

      expect(await release.helm('rollback', release.name, '1', '--wait', '--timeout=150s')).toMatchObject({ code: 0 });
      await release.apply(sessionOf(release, 'after', outside.model.on('Greet after a rollback'), url));
      await finished(release, 'after');

      await release.ask('delete', 'agentsessions', '--all', '--timeout=60s');
      expect(await release.helm('uninstall', release.name, '--wait', '--timeout=150s')).toMatchObject({ code: 0 });
      await eventually('the end of all objects', async () => (await release.left()).length === 0, SESSION_MS);
      expect(await release.ask('get', 'pods,networkpolicies,persistentvolumeclaims', '-o', 'name')).toBe('');
      // The ready-made profile stays as all profiles do, with its copy of the key; the docs say how to remove both.
      await release.ask('delete', 'aiprofiles,secrets', '-l', 'sweagent.dev/from-environment');
      expect(await release.ask('get', 'aiprofiles,secrets', '-o', 'name')).toBe('secret/swe-agent-secrets\n');
    },
    LONG_MS,
  );

  it(
    'works by the plain recipe of the user guide, beside the rights that the guide shows',
    async () => {
      await using release = await TestRelease.open(cluster, helm);
      await using outside = await Outside.open(address, join(release.folder, 'repositories'));
      await configure(release, outside);
      await release.ask('apply', '-f', edited(release, image()));
      await release.apply({ apiVersion: 'v1', kind: 'List', items: rightsOfTheGuide(release.namespace) });
      await release.ask('patch', 'deployment', 'swe-agent', '--patch', JSON.stringify(inThePlaceOfGitHub(outside)));
      await eventually(
        'the Deployment to be ready',
        async () => {
          const rollout = ['rollout', 'status', 'deployment/swe-agent', '--timeout=30s'];
          return (await release.kubectl(...rollout)).code === 0;
        },
        SESSION_MS,
      );
      const { url, folder } = await outside.repository('plain');
      const goal = outside.model.on('Greet by the plain recipe');
      const id = await throughGateway(release, 'swe-agent', async (base) => {
        const page = await fetch(base, { headers: { accept: 'text/html' }, signal: patience() });
        expect(await page.text()).toContain('<div id="root">');
        await keepProfile(base);
        const { answer } = await call(base, '/agent/tasks', { body: { goal, repo_url: url } });
        return String(answer.task_id);
      });
      await finished(release, id);
      const result = await throughGateway(release, 'swe-agent', async (base) => (await call(base, `/agent/tasks/${id}`)).answer);
      expect(result).toMatchObject({
        status: 'COMPLETED',
        logs: expect.arrayContaining(['Starting task...', 'Cloning repo...']),
      });
      const branches = await git(folder, 'branch', '--list', 'swe-agent/*', '--format=%(refname:short)');
      expect(await git(folder, 'show', `${branches.split('\n')[0]}:greeting.txt`)).toBe('hello');
      await release.ask('delete', 'agentsessions', '--all', '--timeout=60s');
      await eventually(
        'the end of the Pod',
        async () => (await release.ask('get', 'pods', '-o', 'name')).split('\n').length === 2,
      );
    },
    LONG_MS,
  );
}

/** The name in the parts that the chart has for it. */
function imageOf(name: string): { repository: string; tag: string } {
  const [, repository = name, tag = 'latest'] = /^(.*):([^:/]+)$/.exec(name) ?? [];
  return { repository, tag };
}

/** The keys as the guide says, beside them where a model is that is none of OpenAI's, and the git server's authority. */
async function configure(release: TestRelease, outside: Outside): Promise<void> {
  const keys = {
    'openai-api-key': 'scripted-stand-in',
    'google-api-key': 'none',
    'git-token': GIT_TOKEN,
    'openai-base-url': outside.modelUrl,
    'model-name': MODEL,
  };
  const literals = Object.entries(keys).map(([key, value]) => `--from-literal=${key}=${value}`);
  await release.ask('create', 'secret', 'generic', 'swe-agent-secrets', ...literals);
  await release.ask('create', 'configmap', 'ca', `--from-literal=ca.pem=${outside.authority}`);
}

/** Path of k8s/deployment.yaml as somebody edits it who reads the guide: the image, and the namespace where the file names it. */
function edited({ folder, namespace }: TestRelease, image: string): string {
  const text = readFileSync(join(CHART, '../../k8s/deployment.yaml'), 'utf8');
  const own = text
    .replace('image: "swe-agent:latest"', `image: "${image}"`)
    .replaceAll('namespace: default', `namespace: ${namespace}`);
  const changed = own.split('\n').filter((line, number) => line !== text.split('\n')[number]);
  expect(changed.map((line) => line.trim()).filter((line) => !line.startsWith(`namespace: ${namespace} # where `))).toEqual([
    `image: "${image}"`,
  ]);
  const path = join(folder, 'deployment.yaml');
  writeFileSync(path, own);
  return path;
}

/** Where the git server is another one than GitHub, and its certificate of an authority of one's own. */
function inThePlaceOfGitHub(outside: Outside): object {
  const env = Object.entries({ GIT_TOKEN_HOSTS: outside.gitHost, GIT_SSL_CAINFO: '/etc/test/ca.pem' });
  const container = {
    name: 'swe-agent',
    env: env.map(([name, value]) => ({ name, value })),
    volumeMounts: [{ name: 'ca', mountPath: '/etc/test' }],
  };
  const volumes = [{ name: 'ca', configMap: { name: 'ca' } }];
  return { spec: { template: { spec: { containers: [container], volumes } } } };
}

/** rbac.yaml of the guide, in this namespace. */
function rightsOfTheGuide(namespace: string): object[] {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const verbs = ['create', 'get', 'list', 'watch', 'delete'];
  const rules = [{ apiGroups: [''], resources: ['pods', 'pods/exec', 'pods/log'], verbs }];
  const roleRef = { kind: 'Role', name: 'swe-agent-manager', apiGroup: 'rbac.authorization.k8s.io' };
  const subjects = [{ kind: 'ServiceAccount', name: 'default', namespace }];
  return [
    { apiVersion, kind: 'Role', metadata: { name: 'swe-agent-manager', namespace }, rules },
    { apiVersion, kind: 'RoleBinding', metadata: { name: 'swe-agent-manager-binding', namespace }, subjects, roleRef },
  ];
}

function sessionOf({ namespace }: TestRelease, name: string, goal: string, url: string): object {
  const spec = { goal, repository: { url } };
  return { apiVersion: 'sweagent.dev/v1alpha1', kind: 'AgentSession', metadata: { name, namespace }, spec };
}

/** @throws with what is known of the session when it does not come to its end */
async function finished(release: TestRelease, name: string): Promise<void> {
  const wait = ['wait', `agentsession/${name}`, '--for=condition=Finished', '--timeout=20s'];
  try {
    await eventually('the session to end', async () => (await release.kubectl(...wait)).code === 0, SESSION_MS);
  } catch (cause) {
    const described = await release.kubectl('describe', 'agentsession', name);
    const logs = await release.kubectl(
      'logs',
      '--all-containers',
      '--prefix',
      '-l',
      'app.kubernetes.io/component=operator',
      '--tail=50',
    );
    throw new Error(`the session is not over\n${described.out}\n${logs.out}`, { cause });
  }
}

/** Does something with the gateway, which is reached as a user of kubectl reaches it. */
async function throughGateway<T>(release: TestRelease, service: string, use: (base: string) => Promise<T>): Promise<T> {
  const forward = release.kube.start(['-n', release.namespace, 'port-forward', `service/${service}`, ':8000']);
  try {
    const port = await eventually('the port', () => /Forwarding from 127\.0\.0\.1:(\d+)/.exec(forward.out())?.[1]);
    return await use(`http://127.0.0.1:${port}`);
  } finally {
    forward.stop();
    await forward.done;
  }
}

/** Makes a profile as the page does, gives it another key, and deletes it: with the rights that the manifest brings. */
async function keepProfile(base: string): Promise<void> {
  const own = '/agent/profiles/own';
  const profile = { display_name: 'Own', provider: 'openai', model: 'scripted', key: 'sk-of-the-first-form-1111' };
  expect(await call(base, '/agent/profiles', { body: profile })).toMatchObject({ status: 201, answer: { name: 'own' } });
  const key = { method: 'PUT', body: { key: 'sk-of-the-second-form-2222' } };
  expect(await call(base, `${own}/key`, key)).toMatchObject({ status: 204 });
  expect(await call(base, own, { method: 'PATCH', body: { model: 'other' } })).toMatchObject({ status: 200 });
  const shown = { model: 'other', key: { set: true, last_four: '2222' } };
  expect(await call(base, own)).toMatchObject({ status: 200, answer: shown });
  expect(await call(base, own, { method: 'DELETE' })).toMatchObject({ status: 200 });
}

async function call(
  base: string,
  path: string,
  { token, body, method = body ? 'POST' : 'GET' }: { token?: string; body?: object; method?: string } = {},
): Promise<{ status: number; answer: Record<string, unknown> }> {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    signal: patience(),
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, answer: JSON.parse((await response.text()) || '{}') };
}
