/** What a sandbox in a Pod reaches and what it does not, on a real cluster: `make cluster-test`. */
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Resource } from '../../operator/api/resources.ts';
import { HttpKubeClient } from '../../operator/kube/http-client.ts';
import { openSandbox } from '../../operator/sandbox/commands.ts';
import { NETWORK_POLICIES } from '../../operator/sandbox/pod/objects.ts';
import type { Sandbox } from '../../operator/sandbox/sandbox.ts';
import type { SandboxSpec } from '../../operator/sandbox/transport.ts';
import { eventually, patience } from '../support/eventually.ts';
import { IMAGES_MS, importPodImages, TOOLBOX_IMAGE } from './pod-images.ts';
import { clusterForTests, TestPods } from './pods.ts';

const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1', namespaced: true } as const;
const ROLES = { ...RBAC, plural: 'roles', kind: 'Role' } as const satisfies Resource;
const ROLE_BINDINGS = { ...RBAC, plural: 'rolebindings', kind: 'RoleBinding' } as const satisfies Resource;
const cluster = clusterForTests();
const { hostAddress, publicAddress } = cluster ?? {};
if (cluster && !(hostAddress && publicAddress))
  console.warn(
    'what network policies let through is not tested: only the built cluster has an address in the place of the internet',
  );

(cluster ? describe : describe.skip)('the network of a sandbox in a Pod', () => {
  let pods: TestPods;
  const opened: Sandbox[] = [];
  const servers: http.Server[] = [];
  beforeAll(async () => {
    if (!cluster) throw new Error('there is no cluster');
    await importPodImages(cluster);
    pods = await TestPods.open(cluster, { defaults: { image: 'python:3.12-slim' }, toolboxImage: TOOLBOX_IMAGE });
  }, IMAGES_MS);
  afterAll(async () => {
    await Promise.all(opened.map((sandbox) => sandbox.close()));
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await pods.close();
  });

  const open = async (spec: SandboxSpec = {}): Promise<Sandbox> => {
    const sandbox = await openSandbox(await pods.provision(spec), { epoch: 1 });
    opened.push(sandbox);
    return sandbox;
  };
  const serve = async (address: string): Promise<{ url: string; port: number }> => {
    const server = http.createServer((_, response) => response.end('reached'));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('the server has no port');
    return { url: `http://${address}:${bound.port}/`, port: bound.port };
  };
  /** What answers; empty when nothing does. */
  const get = async (sandbox: Sandbox, url: string): Promise<string> => {
    const command = `python3 -c 'import urllib.request as r; print(end=r.build_opener(r.ProxyHandler({})).open("${url}", timeout=3).read().decode())' 2>/dev/null`;
    return (await sandbox.query(command, { signal: patience() })).output;
  };

  (hostAddress && publicAddress ? describe : describe.skip)('as the policy has it', () => {
    let inside: { url: string; port: number };
    let outside: { url: string; port: number };
    beforeAll(async () => {
      inside = await serve(hostAddress ?? '');
      outside = await serve(publicAddress ?? '');
    });

    it('leads to the public internet, and not to private ranges, the API server, or the node', async () => {
      const sandbox = await open();
      expect(sandbox.isolation).toMatchObject({ isolated: true, method: 'pod' });
      expect(await get(sandbox, outside.url)).toBe('reached');
      expect(await get(sandbox, inside.url)).toBe('');
      const { baseUrl } = pods.endpoint;
      const tried = [new URL(baseUrl).host, '10.96.0.1:443', '169.254.169.254:80', `${new URL(baseUrl).hostname}:10250`];
      const script = tried
        .map((place) => `socket.create_connection(("${place.split(':')[0]}", ${place.split(':')[1]}), 2)`)
        .map((attempt) => `python3 -c 'import socket; ${attempt}' 2>/dev/null && echo reached`)
        .join('\n');
      expect((await sandbox.query(`${script}\ntrue`, { signal: patience() })).output).toBe('');
    });

    it('leads where the session allows it, by range and port, and nowhere else when it is strict', async () => {
      const allow = [{ cidr: `${hostAddress}/32`, ports: [inside.port] }];
      const public_ = await open({ network: { allow } });
      expect(await get(public_, inside.url)).toBe('reached');
      const other = await serve(hostAddress ?? '');
      expect(await get(public_, other.url)).toBe('');
      const strict = await open({ network: { egress: 'strict', allow } });
      expect(await get(strict, inside.url)).toBe('reached');
      expect(await get(strict, outside.url)).toBe('');
      const closed = await open({ network: { egress: 'strict' } });
      expect(await get(closed, inside.url)).toBe('');
      expect(await get(closed, outside.url)).toBe('');
    });

    it('leads to the proxy that the session names, by address or by name', async () => {
      for (const host of [hostAddress ?? '', 'proxy.example']) {
        const transport = pods.transport({ resolve: async () => [hostAddress ?? ''] });
        const handle = await pods.provision(
          { network: { egress: 'strict', proxy: { http: `http://${host}:${inside.port}` } } },
          transport,
        );
        const sandbox = await openSandbox(handle, { epoch: 1 });
        opened.push(sandbox);
        expect(await get(sandbox, inside.url)).toBe('reached');
      }
    });

    it('lets nobody in, not even another sandbox that may go there', async () => {
      const server = await open({ network: { allow: [{ cidr: '10.0.0.0/8' }] } });
      const listen = 'python3 -m http.server 8000 >/dev/null 2>&1 & hostname -i';
      const { output } = await server.query(listen, { signal: patience() });
      const url = `http://${output.trim()}:8000/`;
      await eventually('the server', () => get(server, 'http://127.0.0.1:8000/'));
      const client = await open({ network: { allow: [{ cidr: '10.0.0.0/8' }] } });
      expect(await get(client, url)).toBe('');
      // Without its policy it is reached, which shows that there is a way.
      await pods.client.delete(NETWORK_POLICIES, pods.namespace, server.identity.name, {}, patience());
      await eventually('the way in', () => get(client, url));
    });
  });

  it('has no policy where none may be made: it says so, and all else works with the rights of the guide', async () => {
    const user = `limited-${pods.installation}`;
    const name = 'swe-agent-manager';
    const rules = [
      { apiGroups: [''], resources: ['pods', 'pods/exec', 'pods/log'], verbs: ['create', 'get', 'list', 'watch', 'delete'] },
    ];
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name }, rules };
    await pods.create(ROLES, role);
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    };
    await pods.create(ROLE_BINDINGS, binding);
    const headers = async () => ({ ...(await pods.endpoint.headers()), 'impersonate-user': user });
    const endpoint = { ...pods.endpoint, headers };
    const transport = pods.transport({ endpoint, client: new HttpKubeClient(endpoint) });
    const owner = pods.owner();
    const handle = await eventually('the role to be known', () =>
      transport.provision(owner, {}, patience()).catch(() => undefined),
    );
    expect(handle.isolation).toMatchObject({
      isolated: false,
      message: expect.stringMatching(/no NetworkPolicy guards the Pod.*networkpolicies\.networking\.k8s\.io is forbidden/s),
    });
    // Whoever finds it later knows it, too.
    expect((await transport.find(owner, {}, patience()))?.isolation).toEqual(handle.isolation);
    const sandbox = await openSandbox(handle, { epoch: 1 });
    opened.push(sandbox);
    expect((await sandbox.query('echo works', { signal: patience() })).output).toBe('works\n');
    expect(await transport.listOrphans(new Set(), patience())).toContainEqual(owner);
    await transport.quiesce(owner, patience());
    await transport.dispose(owner, patience());
    expect(await transport.find(owner, {}, patience())).toBeUndefined();
  });
});
