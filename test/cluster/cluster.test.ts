/** What later tests rely on of a cluster, seen on the one there is; and how that one is found. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { type Kubectl, kubectl } from '../support/kubectl.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { describeOnCluster, findCluster, wantedCluster } from './cluster.ts';

const STEP_MS = 60_000;
const RESTRICTED = {
  automountServiceAccountToken: false,
  terminationGracePeriodSeconds: 1,
  securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
};
const CONTAINER = { securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } };

describeOnCluster('a cluster', (cluster) => {
  const namespace = `cluster-test-${randomBytes(4).toString('hex')}`;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let kube: Kubectl;

  beforeAll(async () => {
    folder = await temporaryFolder();
    kube = kubectl(cluster.kubeconfig, folder.path);
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } });
    // Its ServiceAccount is made a moment later; no Pod is admitted before.
    await eventually('the ServiceAccount', () => ok('get', 'serviceaccount', 'default'), STEP_MS);
  }, STEP_MS);

  afterAll(async () => {
    await kube(['delete', 'namespace', namespace, '--wait=false']);
    await folder[Symbol.asyncDispose]();
  }, STEP_MS);

  it('runs a hardened Pod of each image under Pod Security "restricted", with exec and logs', async () => {
    const images = ['python:3.12-slim', 'ubuntu:22.04', 'alpine:3'];
    for (const [index, image] of images.entries()) await startPod(`image-${index}`, image, 'echo started; sleep 600');
    for (const index of images.keys()) {
      await ready(`image-${index}`);
      expect(await inPod(`image-${index}`, 'id -u; cat; exit 7', 'to stdin')).toMatchObject({ code: 7, out: '10001\nto stdin' });
      expect((await kube(['-n', namespace, 'logs', `image-${index}`])).out).toBe('started\n');
    }
  }, 120_000);

  it(
    'refuses a Pod that is not hardened',
    async () => {
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'root', namespace },
        spec: { containers: [{ name: 'c', image: 'alpine:3' }] },
      };
      const refused = await kube(['apply', '-f', '-'], { input: JSON.stringify(pod) });
      expect(refused.code).not.toBe(0);
      expect(refused.err).toContain('violates PodSecurity "restricted:latest"');
    },
    STEP_MS,
  );

  (cluster.hostAddress ? it : it.skip)(
    'holds a Pod to its NetworkPolicy from its first moment',
    async () => {
      const hits: string[] = [];
      const server = http.createServer((request, response) => {
        hits.push(request.url ?? '');
        response.end('reached');
      });
      await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
      try {
        const { port } = server.address() as AddressInfo;
        const address = (host: string | undefined, path: string) => `http://${host}:${port}/${path}`;
        const open = cluster.publicAddress ?? cluster.hostAddress;
        const blocked = cluster.publicAddress ? cluster.hostAddress : undefined;
        await apply(
          policy('guarded', blocked === undefined ? [] : [{ to: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] } }] }]),
        );
        const get = (url: string) =>
          `python3 -c 'import urllib.request as r; print(end=r.urlopen("${url}", timeout=3).read().decode())' 2>/dev/null`;
        const tries = `${get(address(cluster.hostAddress, 'guarded-first'))}; echo tried; sleep 600`;
        await startPod('guarded', 'python:3.12-slim', tries);
        await startPod('free', 'python:3.12-slim', 'sleep 600');
        await ready('guarded');
        await ready('free');
        // The free Pod shows that the way is there, so that a failure of the guarded one means something.
        expect(await inPod('free', get(address(cluster.hostAddress, 'free')))).toMatchObject({ code: 0, out: 'reached' });
        await eventually(
          'the first try of the guarded Pod',
          async () => (await kube(['-n', namespace, 'logs', 'guarded'])).out.includes('tried'),
          STEP_MS,
        );
        expect((await inPod('guarded', get(address(cluster.hostAddress, 'guarded')))).code).not.toBe(0);
        if (blocked !== undefined)
          expect(await inPod('guarded', get(address(open, 'public')))).toMatchObject({ code: 0, out: 'reached' });
        expect(hits.filter((path) => path.startsWith('/guarded'))).toEqual([]);

        await kube(['-n', namespace, 'delete', 'networkpolicy', 'guarded']);
        await eventually(
          'the way of the Pod without its policy',
          async () => (await inPod('guarded', get(address(cluster.hostAddress, 'later')))).code === 0,
          STEP_MS,
        );
      } finally {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
    120_000,
  );

  async function startPod(name: string, image: string, command: string): Promise<void> {
    const container = { ...CONTAINER, name: 'main', image, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', command] };
    const metadata = { name, namespace, labels: { app: name } };
    await apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...RESTRICTED, containers: [container] } });
  }

  async function ready(name: string): Promise<void> {
    await eventually(
      `Pod ${name} to be ready`,
      () => ok('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=1s'),
      STEP_MS,
    );
  }

  function inPod(name: string, command: string, input = '') {
    return kube(['-n', namespace, 'exec', '-i', name, '--', 'sh', '-c', command], { input });
  }

  async function ok(...args: string[]): Promise<boolean> {
    return (await kube(['-n', namespace, ...args])).code === 0;
  }

  async function apply(object: object): Promise<void> {
    const applied = await kube(['apply', '-f', '-'], { input: JSON.stringify(object) });
    if (applied.code !== 0) throw new Error(applied.err);
  }

  function policy(app: string, egress: readonly object[]): object {
    const spec = { podSelector: { matchLabels: { app } }, policyTypes: ['Ingress', 'Egress'], egress };
    return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: app, namespace }, spec };
  }
});

describe('the choice of a cluster', () => {
  it('takes the one that E2E_KUBECONFIG names before any other, with its own ways to reach the host and to import', async () => {
    await using folder = await temporaryFolder();
    const kubeconfig = join(folder.path, 'config');
    await writeFile(kubeconfig, '');
    const own = findCluster({ E2E_KUBECONFIG: kubeconfig, E2E_HOST_ADDRESS: '172.18.0.1', E2E_IMPORT_IMAGE: 'test -s' });
    expect(own).toMatchObject({ which: 'own', kubeconfig, hostAddress: '172.18.0.1', daemons: undefined });
    if ('missing' in own) throw new Error(own.missing);
    await expect(own.importImage(kubeconfig)).rejects.toThrow(`test -s ${kubeconfig} failed`);
    await writeFile(kubeconfig, 'x');
    await own.importImage(kubeconfig);
  });

  it('says what to do when there is none, or the named one is not there', async () => {
    await using folder = await temporaryFolder();
    expect(findCluster({ SWE_AGENT_CLUSTER_DIR: folder.path })).toMatchObject({
      missing: expect.stringContaining('make cluster-up'),
    });
    const nowhere = join(folder.path, 'nowhere');
    expect(findCluster({ E2E_KUBECONFIG: nowhere })).toEqual({
      missing: `E2E_KUBECONFIG names ${nowhere}, and there is no such file`,
    });
  });

  it('is made only where tests on one are wanted, and must come to something in CI', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'kubeconfig'), '');
    const there = { SWE_AGENT_CLUSTER_DIR: folder.path };
    expect(wantedCluster(there)).toMatchObject({ missing: expect.stringContaining('make e2e') });
    expect(wantedCluster({ ...there, CLUSTER_TESTS: 'true', CI: 'true' })).toMatchObject({ which: 'built' });
    const gone = { SWE_AGENT_CLUSTER_DIR: join(folder.path, 'nowhere'), CLUSTER_TESTS: 'true' };
    expect(wantedCluster(gone)).toMatchObject({ missing: expect.stringContaining('make cluster-up') });
    expect(() => wantedCluster({ ...gone, CI: 'true' })).toThrow('must run here');
  });

  it('finds the one that was built in its folder', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'kubeconfig'), '');
    expect(findCluster({ SWE_AGENT_CLUSTER_DIR: folder.path })).toMatchObject({ which: 'built', hostAddress: '10.99.0.1' });
  });
});

describe('a script of the cluster', () => {
  it('says plainly that it needs root on Linux', async () => {
    const tried = await asNobody('up.sh');
    expect(tried).toMatchObject({ status: 69, stdout: '' });
    expect(tried.stderr).toMatch(/^cluster: needs (root|Linux).*E2E_KUBECONFIG/);
  });

  it('runs tests all the same where no cluster can be had, but not in CI', async () => {
    const tried = await asNobody('with.sh', ['cluster', 'echo', 'run']);
    expect(tried).toMatchObject({ status: 0, stdout: 'run\n' });
    expect(tried.stderr).toContain('so the tests on a cluster are skipped');
    expect(await asNobody('with.sh', ['cluster', 'echo', 'run'], { CI: 'true' })).toMatchObject({ status: 69, stdout: '' });
  });

  it('takes the cluster that E2E_KUBECONFIG names without any right, and says so', async () => {
    const tried = await asNobody('with.sh', ['cluster', 'sh', '-c', 'echo $CLUSTER_TESTS'], { E2E_KUBECONFIG: '/named' });
    expect(tried).toEqual({
      status: 0,
      stdout: 'true\n',
      stderr: 'cluster: takes the cluster that E2E_KUBECONFIG names: /named\n',
    });
  });
});

/** Runs the script as somebody who is not root, by what `id` says. */
async function asNobody(script: string, args: readonly string[] = [], environment: Record<string, string> = {}) {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'id'), '#!/bin/sh\necho 65534\n', { mode: 0o755 });
  const env = { PATH: `${folder.path}:${process.env.PATH}`, HOME: folder.path, ...environment };
  const { status, stdout, stderr } = spawnSync('bash', [join(import.meta.dirname, script), ...args], { encoding: 'utf8', env });
  return { status, stdout, stderr };
}
