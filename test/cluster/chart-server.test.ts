/** What a real API server makes of the chart: its objects, the rights that it gives, and the policy about authors. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse as parseYaml } from 'yaml';
import { CHART } from '../../scripts/plain-manifest.ts';
import { eventually } from '../support/eventually.ts';
import { describeWithHelm, type Manifest, parse, previousChart, template, VALUES } from './charts.ts';
import { describeOnCluster } from './cluster.ts';
import { TestRelease } from './releases.ts';

/** Without Pods: what they run is nothing that an API server looks at. */
const WITHOUT_PODS = ['--set=operator.replicas=0,gateway.replicas=0,redis.enabled=false,redis.external.url=redis://redis:6379'];
/** Kinds that a cluster has only when others brought them. */
const OTHERS = /^(gateway\.networking\.k8s\.io|monitoring\.coreos\.com)\//;

describeOnCluster('on an API server', (cluster) => {
  describeWithHelm('the chart', (helm) => {
    let release: TestRelease;
    beforeAll(async () => {
      release = await TestRelease.open(cluster, helm);
    });
    afterAll(() => release[Symbol.asyncDispose]());

    it.each(['', 'namespaces', 'everywhere', 'public', 'least', 'models'])(
      'has objects that it takes without a warning, with the values "%s"',
      async (name) => {
        const values = name === '' ? [] : [`--values=${join(VALUES, `${name}.yaml`)}`];
        // The namespaces of the values are not there.
        if (name === 'namespaces') values.push(`--set=watchNamespaces={${release.namespace},default}`);
        const objects = parse(template(helm, ...values)).filter(({ apiVersion }) => !OTHERS.test(apiVersion));
        expect(objects.length).toBeGreaterThan(5);
        const tried = await tryToCreate(objects);
        expect(tried.err).toBe('');
        expect(tried.out.trim().split('\n')).toHaveLength(objects.length);
      },
    );

    it('takes k8s/deployment.yaml without a warning', async () => {
      const objects = parse(readFileSync(join(CHART, '../../k8s/deployment.yaml'), 'utf8'));
      expect(await tryToCreate(objects)).toMatchObject({ code: 0, err: '' });
    });

    describe('as a release', () => {
      beforeAll(async () => {
        await release.install(previousChart().path, ...WITHOUT_PODS);
      });

      it('is upgraded with its definitions, rolled back, and says what to do next', async () => {
        const previous = `swe-agent-${previousChart().version}`;
        const before = await definition();
        expect(before.chart).toBe(previous);
        const notes = await release.install(CHART, ...WITHOUT_PODS);
        const { version } = parseYaml(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'));
        const [today] = parseYaml(readFileSync(join(CHART, '../../crds/agentsession.yaml'), 'utf8')).spec.versions;
        expect(await definition()).toEqual({ chart: `swe-agent-${version}`, schema: today.schema });
        expect(notes).toContain(`kubectl -n ${release.namespace} create secret generic openai`);
        expect(notes).toContain(`helm test agents -n ${release.namespace}`);
        const secret = () => release.ask('get', 'secret', 'agents-swe-agent-redis', '-o', 'jsonpath={.data}');
        const password = await secret();
        expect(await release.helm('rollback', 'agents', '1')).toMatchObject({ code: 0 });
        expect(await definition()).toEqual(before);
        await release.install(CHART, ...WITHOUT_PODS);
        expect(await secret()).toBe(password);
      });

      it('gives each process the rights that it needs, and no others', async () => {
        const operator = `system:serviceaccount:${release.namespace}:agents-swe-agent-operator`;
        const gateway = `system:serviceaccount:${release.namespace}:agents-swe-agent-gateway`;
        const allowed: [string, string][] = [
          [operator, 'create pods'],
          [operator, 'create pods/exec'],
          [operator, 'patch agentsessions.sweagent.dev/status'],
          [operator, 'watch secrets'],
          [operator, 'update secrets/env-openai'],
          [gateway, 'list agentsessions.sweagent.dev'],
        ];
        const refused: [string, string][] = [
          [operator, 'create pods -n default'],
          [operator, 'get secrets -n kube-system'],
          [operator, 'update secrets/other'],
          [operator, 'create agentsessions.sweagent.dev'],
          [operator, 'create deployments.apps'],
          [operator, 'get nodes'],
          [operator, 'create rolebindings.rbac.authorization.k8s.io'],
          [gateway, 'create agentsessions.sweagent.dev'],
          [gateway, 'get secrets'],
          [gateway, 'create pods'],
        ];
        const answers = async (asked: typeof allowed) =>
          Promise.all(asked.map(async ([user, what]) => `${what}: ${(await canI(user, what)).trim()}`));
        // The API server hears of new rights a moment after they were written.
        await eventually('the rights', async () => (await answers(allowed)).every((answer) => answer.endsWith(': yes')));
        expect(await answers(refused)).toEqual(refused.map(([, what]) => `${what}: no`));
      });

      it('holds sessions and messages to who asks, for everybody with the role edit', async () => {
        // Rights are heard of in their order: once alice has hers, bob has his.
        for (const user of ['bob', 'alice']) {
          await release.ask('create', 'rolebinding', user, '--clusterrole=edit', `--user=${user}`);
        }
        const session = (name: string, spec: object) => sessionIn(release.namespace, name, spec);
        const as = (user: string, object: object) =>
          release.kube([`--as=${user}`, 'apply', '--server-side', '--force-conflicts', `--field-manager=${user}`, '-f', '-'], {
            input: JSON.stringify(object),
          });
        // A new policy, and the aggregated role, are heard of a moment later.
        const foreign = await eventually('the policy to be in force', async () => {
          const tried = await as('alice', session(`foreign-${randomBytes(4).toString('hex')}`, { author: 'bob' }));
          return tried.err.includes('ValidatingAdmissionPolicy') ? tried : undefined;
        });
        expect(foreign.err).toContain('spec.author must be alice, who asks, or be left out');
        expect(await as('alice', session('without', {}))).toMatchObject({ code: 0 });
        const message = (author: string) => ({ id: `from-${author}`, message: 'hello', author });
        expect(await as('alice', session('own', { author: 'alice', inputs: [message('alice')] }))).toMatchObject({ code: 0 });

        const forged = await as('bob', session('own', { inputs: [message('alice'), { ...message('bob'), author: 'alice' }] }));
        expect(forged.err).toContain('author of a new message in spec.inputs must be bob, who asks, or be left out');
        expect(await as('bob', session('own', { inputs: [message('alice'), message('bob')] }))).toMatchObject({ code: 0 });
        const claimed = await as('bob', session('without', { author: 'alice' }));
        expect(claimed.err).toContain('spec.author must be bob');
        const operator = `--as=system:serviceaccount:${release.namespace}:agents-swe-agent-operator`;
        const finalizer = [
          'patch',
          'agentsession',
          'own',
          '--type=merge',
          '-p',
          '{"metadata":{"finalizers":["sweagent.dev/cleanup"]}}',
        ];
        await eventually('the rights of the operator', async () => (await release.kubectl(operator, ...finalizer)).code === 0);
        await release.ask(operator, 'patch', 'agentsession', 'own', '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
      });
    });

    it('lets a gateway that does not know its callers say so, and name nobody', async () => {
      await using own = await TestRelease.open(cluster, helm);
      await own.install(CHART, ...WITHOUT_PODS, '--set=gateway.auth.mode=token');
      const gateway = `--as=system:serviceaccount:${own.namespace}:agents-swe-agent-gateway`;
      const create = (name: string, author: string) =>
        own.kube([gateway, 'create', '-f', '-'], { input: JSON.stringify(sessionIn(own.namespace, name, { author })) });
      const refused = await eventually('the policy to be in force', async () => {
        const tried = await create(`foreign-${randomBytes(4).toString('hex')}`, 'alice');
        return tried.err.includes('ValidatingAdmissionPolicy') ? tried : undefined;
      });
      expect(refused.err).toContain('spec.author must be anonymous, who asks, or be left out');
      expect(await create('nobody', 'anonymous')).toMatchObject({ code: 0 });
      // What the page's forms for profiles and keys need, in this namespace alone.
      const may = (what: string) => own.kubectl(gateway, 'auth', 'can-i', ...what.split(' '));
      const asked = ['create aiprofiles.sweagent.dev', 'patch aiprofiles.sweagent.dev', 'update secrets', 'create secrets'];
      for (const what of asked) expect([what, (await may(what)).out.trim()]).toEqual([what, 'yes']);
      const refusedToo = ['update secrets -n default', 'delete secrets', 'create pods', 'update aiprofiles.sweagent.dev/status'];
      for (const what of refusedToo) expect([what, (await may(what)).out.trim()]).toEqual([what, 'no']);
    });

    it('leaves nothing behind but the definitions and what people made', async () => {
      await using own = await TestRelease.open(cluster, helm);
      await own.install(CHART, ...WITHOUT_PODS);
      expect((await own.left()).length).toBeGreaterThan(10);
      const session = sessionIn(own.namespace, 'kept', {});
      await eventually('the kind to be served', async () => own.apply(session).then(() => true));
      expect(await own.helm('uninstall', own.name, '--wait')).toMatchObject({ code: 0 });
      await eventually('the end of all objects', async () => (await own.left()).length === 0);
      expect(await own.ask('get', 'agentsessions', '-o', 'name')).toBe('agentsession.sweagent.dev/kept\n');
    });

    /** As if nothing of it were there, the definitions included. */
    function tryToCreate(objects: readonly Manifest[]) {
      const items = objects.map((object) => within(release.namespace, object));
      const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
      return release.kube(['create', '--dry-run=server', '-f', '-'], { input });
    }

    /** Which chart brought it, and what it says. */
    async function definition(): Promise<{ chart: string; schema: unknown }> {
      const { metadata, spec } = JSON.parse(await release.ask('get', 'crd', 'agentsessions.sweagent.dev', '-o', 'json'));
      return { chart: metadata.labels['helm.sh/chart'], schema: spec.versions[0].schema };
    }

    async function canI(user: string, what: string): Promise<string> {
      return (
        await release.kubectl(
          `--as=${user}`,
          'auth',
          'can-i',
          ...what.replace(/^(.*) secrets\/(\S+)/, '$1 secrets/$2').split(' '),
        )
      ).out;
    }
  });
});

function sessionIn(namespace: string, name: string, spec: object): object {
  const repository = { url: 'https://example.com/none.git' };
  return {
    apiVersion: 'sweagent.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name, namespace },
    spec: { goal: 'none', repository, ...spec },
  };
}

/** The object in that namespace, if it belongs to one. Definitions get a group of their own, since theirs may be there. */
function within(namespace: string, object: Manifest): Manifest {
  const { kind, metadata } = object;
  if (kind === 'CustomResourceDefinition')
    return JSON.parse(JSON.stringify(object).replaceAll('sweagent.dev', 'try.sweagent.dev'));
  if (/^(Cluster|ValidatingAdmissionPolicy)/.test(kind)) return object;
  return { ...object, metadata: { ...metadata, namespace: metadata.namespace ?? namespace } };
}
