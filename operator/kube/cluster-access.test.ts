import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { type TestApi, testApi } from '../../test/support/embedded-api.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { RESOURCES } from '../api/resources.ts';
import { type ClusterAccess, ClusterAccessError, clusterAccess } from './cluster-access.ts';
import { HttpKubeClient } from './http-client.ts';

let api: TestApi;
let folder: { path: string } & AsyncDisposable;
beforeAll(async () => {
  folder = await temporaryFolder();
  api = await testApi({ kubeconfigPath: join(folder.path, 'kubeconfig') });
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function namespaces(access: ClusterAccess): Promise<string[]> {
  const stop = new AbortController();
  try {
    const client = new HttpKubeClient({ ...access, signal: stop.signal });
    return (await client.list(RESOURCES.namespaces)).items.map(({ metadata }) => metadata.name);
  } finally {
    stop.abort(new Error('done'));
  }
}

async function serviceAccount(token: string): Promise<string> {
  const dir = join(folder.path, 'serviceaccount');
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'token'), `${token}\n`);
  await writeFile(join(dir, 'ca.crt'), api.caPem);
  await writeFile(join(dir, 'namespace'), 'agents');
  return dir;
}

describe('access to a cluster', () => {
  it('is taken from the kubeconfig that KUBECONFIG names', async () => {
    const access = await clusterAccess({ kubeconfig: join(folder.path, 'kubeconfig') });
    expect(await namespaces(access)).toContain('default');
    expect(access.source).toContain('kubeconfig');
  });

  it('is taken from ~/.kube/config when nothing else is there', async () => {
    const home = join(folder.path, 'home');
    await mkdir(join(home, '.kube'), { recursive: true });
    await writeFile(join(home, '.kube/config'), await kubeconfig((config) => config));
    expect(await namespaces(await clusterAccess({ home }))).toContain('default');
  });

  it('asks the credential plugin that a kubeconfig names', async () => {
    const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: api.token } };
    const path = join(folder.path, 'with-plugin');
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: '/bin/echo',
      args: [JSON.stringify(credential)],
      interactiveMode: 'Never',
    };
    await writeFile(
      path,
      await kubeconfig((config) => ({ ...config, users: [{ name: config.users[0]?.name, user: { exec } }] })),
    );
    expect(await namespaces(await clusterAccess({ kubeconfig: path }))).toContain('default');
  });

  it("is the Pod's service account inside a cluster", async () => {
    const { hostname, port } = new URL(api.url);
    const access = await clusterAccess({
      serviceHost: hostname,
      servicePort: port,
      serviceAccountDir: await serviceAccount(api.token),
      home: '/nonexistent',
    });
    expect(access.namespace).toBe('agents');
    expect(await namespaces(access)).toContain('default');
  });

  it('says what to do when there is none', async () => {
    await expect(clusterAccess({ home: '/nonexistent' })).rejects.toThrow('set KUBECONFIG to the file that kubectl uses');
    await expect(clusterAccess({ kubeconfig: '/nonexistent/config' })).rejects.toThrow(ClusterAccessError);
    const lost = clusterAccess({ serviceHost: '10.0.0.1', serviceAccountDir: '/nonexistent' });
    await expect(lost).rejects.toThrow('automountServiceAccountToken: true');
  });

  it('names the kubeconfig that has no current context, or a proxy that would be passed by', async () => {
    const path = join(folder.path, 'odd');
    await writeFile(path, await kubeconfig((config) => ({ ...config, 'current-context': 'elsewhere' })));
    await expect(clusterAccess({ kubeconfig: path })).rejects.toThrow('has no current context');
    await writeFile(
      path,
      await kubeconfig((config) => ({
        ...config,
        clusters: config.clusters.map(({ name, cluster }) => ({
          name,
          cluster: { ...cluster, 'proxy-url': 'http://proxy:3128' },
        })),
      })),
    );
    await expect(clusterAccess({ kubeconfig: path })).rejects.toThrow('proxy-url');
  });
});

type Kubeconfig = { clusters: { name: string; cluster: Record<string, unknown> }[]; users: { name: string; user: unknown }[] };

/** The API's own kubeconfig, changed. */
async function kubeconfig(change: (config: Kubeconfig) => object): Promise<string> {
  return stringify(change(parse(await readFile(join(folder.path, 'kubeconfig'), 'utf8'))));
}
