/** What a session needs and does not find on a real cluster, or what is taken away while it works: said in its status, and gone on with when it is mended. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { bash, Gate, greet } from '../support/scripted-sessions.ts';
import { describeOnCluster } from './cluster.ts';
import { Installation, SESSION_MS, type SystemProcess } from './installation.ts';
import { type SessionView, SessionViews } from './session-view.ts';

const LONG_MS = 4 * SESSION_MS;

describeOnCluster('a session', (cluster) => {
  let installation: Installation;
  let views: SessionViews;
  let operator: SystemProcess;
  /** A second namespace that the operator serves. */
  let other: string;

  beforeAll(async () => {
    installation = await Installation.open(cluster);
    views = await SessionViews.open(installation);
    other = `${installation.namespace}-other`;
    await installation.must('create', 'namespace', other);
    await installation.must('label', 'namespace', other, 'pod-security.kubernetes.io/enforce=restricted');
    operator = await installation.operator('operator', {
      SWE_AGENT_WATCH_NAMESPACES: `${installation.namespace},${other}`,
    });
  }, LONG_MS);
  afterAll(async () => {
    await views?.[Symbol.asyncDispose]();
    await installation?.kube('delete', 'namespace', other, '--ignore-not-found', '--wait=false');
    await installation?.[Symbol.asyncDispose]();
  }, LONG_MS);

  async function begin(name: string, spec: Record<string, unknown> = {}): Promise<SessionView> {
    const { url } = await installation.repository(name);
    await installation.session(name, installation.model.on(`Greet in spite of ${name}`), url, spec);
    return views.of(name);
  }
  async function completed(session: SessionView): Promise<void> {
    await installation.finished(session.name);
    expect(await session.phase()).toBe('Completed');
    await installation.must('delete', 'agentsession', session.name);
  }
  const described = async (session: SessionView) => (await installation.kube('describe', 'agentsession', session.name)).out;

  it(
    'whose RuntimeClass is missing says which, and begins when there is one',
    async () => {
      const runtimeClassName = `${installation.namespace}-class`;
      const session = await begin('runtime', { sandbox: { runtimeClassName } });
      expect(await session.waitsFor(/^RuntimeClassNotFound$/)).toContain(runtimeClassName);
      expect(await described(session)).toContain('RuntimeClassNotFound');
      await installation.apply({
        apiVersion: 'node.k8s.io/v1',
        kind: 'RuntimeClass',
        metadata: { name: runtimeClassName },
        handler: 'kata',
      });
      try {
        await completed(session);
      } finally {
        await installation.must('delete', 'runtimeclass', runtimeClassName);
      }
    },
    LONG_MS,
  );

  it(
    'that exceeds the quota of its namespace carries the words of the API server, and begins when there is room',
    async () => {
      await installation.apply({
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'none' },
        spec: { hard: { pods: '0' } },
      });
      await eventually('the quota', async () => (await installation.read('resourcequota', 'none', '.status.hard.pods')) === '0');
      const session = await begin('quota');
      expect(await session.waitsFor(/^QuotaExceeded$/)).toMatch(
        /exceeded quota: none, requested: pods=1, used: pods=\d+, limited: pods=0/,
      );
      await installation.must('delete', 'resourcequota', 'none');
      await completed(session);
    },
    LONG_MS,
  );

  it(
    'whose image cannot be had says which and why, for as long as it is tried, and can be cancelled',
    async () => {
      const session = await begin('image', { sandbox: { image: 'registry.invalid/nobody/nothing:1' } });
      expect(await session.waitsFor(/^(ErrImagePull|ImagePullBackOff)$/)).toContain('registry.invalid/nobody/nothing:1');
      expect((await session.condition('SandboxReady'))?.reason).toMatch(/^(ErrImagePull|ImagePullBackOff)$/);
      await installation.must('patch', 'agentsession', 'image', '--type=merge', '-p', '{"spec":{"cancelled":true}}');
      await installation.finished('image');
      expect(await session.phase()).toBe('Cancelled');
      await installation.must('delete', 'agentsession', 'image');
      expect(await session.podUid()).toBe('');
    },
    LONG_MS,
  );

  it(
    "whose profile's Secret is removed while it works waits and says so, and goes on by itself when it is there again",
    async () => {
      const profile = JSON.parse(await installation.must('get', 'aiprofile', '-o', 'json')).items[0];
      const ref = profile.spec.credentialSecretRef;
      const secret = JSON.parse(await installation.must('get', 'secret', ref.name, '-o', 'json'));
      const thinking = new Gate();
      const goal = installation.model.on('Greet without a key', {
        work: async ({ turn }) => {
          if (turn === 0) await thinking.pass();
          return [bash('echo one'), ...greet][turn] ?? {};
        },
      });
      const { url } = await installation.repository('secret');
      await installation.session('secret', goal, url);
      const session = views.of('secret');
      await thinking.reached();
      await installation.must('delete', 'secret', ref.name);
      await eventually('the profile to say so', async () => {
        const path = '.status.conditions[?(@.type=="CredentialsResolved")].status';
        return (await installation.read('aiprofile', profile.metadata.name, path)) === 'False';
      });
      thinking.open();
      expect(await session.waitsFor(/^SecretNotFound$/)).toContain(`Secret ${ref.name} `);
      const { name, namespace, labels, annotations } = secret.metadata;
      const metadata = { name, namespace, labels, annotations };
      await installation.apply({ apiVersion: 'v1', kind: 'Secret', metadata, type: secret.type, data: secret.data });
      await completed(session);
    },
    LONG_MS,
  );

  it(
    'whose namespace is deleted while it works is gone with all it had, and the operator goes on with the others',
    async () => {
      const profile = JSON.parse(await installation.must('get', 'aiprofile', '-o', 'json')).items[0];
      const { baseUrl, model, provider, displayName } = profile.spec;
      const objects = [
        {
          apiVersion: 'sweagent.dev/v1alpha1',
          kind: 'AIProfile',
          metadata: { name: 'p', namespace: other },
          spec: { displayName, provider: 'openai-compatible', baseUrl, model, default: true },
        },
        {
          apiVersion: 'sweagent.dev/v1alpha1',
          kind: 'AgentSession',
          metadata: { name: 'doomed', namespace: other },
          spec: {
            goal: installation.model.on('Be deleted', { work: [bash('echo run >>$HOME/runs; sleep 1000')] }),
            repository: { url: (await installation.repository('doomed')).url },
          },
        },
      ];
      expect(provider).toBeDefined();
      for (const object of objects) {
        const { code, err } = await installation.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
        expect({ code, err }).toEqual({ code: 0, err: '' });
      }
      const inOther = (...args: string[]) => installation.kubectl(['-n', other, ...args]);
      const runs = async () => (await inOther('exec', 'doomed-sandbox', '--', 'sh', '-c', 'cat /workspace/home/runs')).out;
      await eventually('the command', async () => (await runs()) === 'run\n', SESSION_MS);
      const uid = (await inOther('get', 'agentsession', 'doomed', '-o', 'jsonpath={.metadata.uid}')).out;
      await installation.must('delete', 'namespace', other, '--wait=false');
      const deleted = performance.now();
      const since = () => Math.round(performance.now() - deleted);
      await eventually('its log to go', async () => (await installation.redis.admin.keys(`*${uid}*`)).length === 0);
      const left = async () => (await inOther('get', 'pods,agentsessions,aiprofiles,networkpolicies', '-o', 'name')).out;
      await eventually('all it had to go', async () => (await left()) === '', SESSION_MS);
      const own = since();
      const gone = () => installation.must('wait', `namespace/${other}`, '--for=delete', '--timeout=50s');
      await eventually('the namespace to go', async () => (await gone()) !== undefined, SESSION_MS);
      console.info(`the session was gone with all it had after ${own} ms, its namespace after ${since()} ms`);
      expect(operator.said).not.toMatch(/"level":"error"/);
      await completed(await begin('the loss of a neighbour'.replaceAll(' ', '-')));
    },
    LONG_MS,
  );
});
