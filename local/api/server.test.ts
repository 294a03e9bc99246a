import { once } from 'node:events';
import { statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { describe, expect, it } from '@jest/globals';
import {
  definitions,
  mergePatchType,
  profilesPath,
  secretsPath,
  session,
  sessionsPath,
  testApi,
} from '../../test/support/embedded-api.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { startEmbeddedApi } from './server.ts';

describe('the server', () => {
  it('keeps its secrets to the owner of the folder', async () => {
    await using api = await testApi();
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    expect(mode(api.stateDir)).toBe('700');
    for (const file of ['kubeconfig', 'token', 'tls.key', 'tls.crt', 'objects.db', 'objects.db-wal']) {
      expect([file, mode(join(api.stateDir, file))]).toEqual([file, '600']);
    }
    const config = JSON.parse(await readFile(api.kubeconfigPath, 'utf8'));
    expect(config.clusters[0].cluster.server).toBe(api.url);
    expect(config.users[0].user.token).toBe(api.token);
  });

  it('answers nobody without the token but to say that it lives', async () => {
    await using api = await testApi();
    for (const authorization of ['', 'Bearer nonsense', `Basic ${api.token}`]) {
      const answer = await api.send('GET', secretsPath, undefined, { authorization });
      expect(answer.body).toMatchObject({ kind: 'Status', code: 401, reason: 'Unauthorized' });
    }
    for (const path of ['/healthz', '/livez', '/readyz']) {
      expect((await api.send('GET', path, undefined, { authorization: '' })).text).toBe('ok');
    }
    expect((await api.send('GET', '/version', undefined, { authorization: '' })).body.major).toBe('1');
  });

  it('keeps objects, revision, certificate, token and port across a restart', async () => {
    await using first = await testApi();
    const made = (await first.send('POST', sessionsPath, session('kept'))).body;
    await first.close();
    await using second = await testApi({ stateDir: first.stateDir });
    expect([second.url, second.token, second.caPem]).toEqual([first.url, first.token, first.caPem]);
    expect((await second.send('GET', `${sessionsPath}/kept`)).body).toEqual(made);
    const next = (await second.send('POST', sessionsPath, session('next'))).body;
    expect(Number(next.metadata.resourceVersion)).toBe(Number(made.metadata.resourceVersion) + 1);
  });

  it('takes another port when its own is taken, and says so in the kubeconfig', async () => {
    await using first = await testApi();
    const { port } = new URL(first.url);
    await first.close();
    const squatter = createServer().listen(Number(port), '127.0.0.1');
    try {
      await using second = await testApi({ stateDir: first.stateDir });
      expect(second.url).not.toBe(first.url);
      expect(await readFile(second.kubeconfigPath, 'utf8')).toContain(second.url);
      await expect(testApi({ port: Number(port) })).rejects.toThrow('EADDRINUSE');
    } finally {
      squatter.close();
    }
  });

  it('does not share its folder with a second one', async () => {
    await using first = await testApi();
    await expect(testApi({ stateDir: first.stateDir })).rejects.toThrow(/is in use by another process/);
    expect((await first.send('GET', sessionsPath)).code).toBe(200);
  });

  it('listens on loopback only', async () => {
    await expect(testApi({ host: '0.0.0.0' })).rejects.toThrow('the embedded API listens on loopback only, not on 0.0.0.0');
  });

  it('ends watches when it closes', async () => {
    await using api = await testApi();
    const watch = await api.watch(`${sessionsPath}?watch=true`);
    await api.close();
    expect(await watch.ended).toBe('ended');
    expect(watch.events).toEqual([]);
  });

  it('refuses a body above 3 MiB, announced or not', async () => {
    await using api = await testApi();
    const big = Buffer.alloc(3 * 1024 * 1024 + 1, 0x20);
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
      const answer = await api.send('POST', sessionsPath, big, headers);
      expect(answer.body).toMatchObject({
        code: 413,
        reason: 'RequestEntityTooLarge',
        message: 'Request entity too large: limit is 3145728',
      });
    }
    expect((await api.send('GET', sessionsPath)).code).toBe(200);
  });

  it('goes on when a client leaves in the middle of its request', async () => {
    const faults: unknown[] = [];
    await using api = await testApi({ onError: (error) => faults.push(error) });
    const { hostname, port } = new URL(api.url);
    const socket = connect({ host: hostname, port: Number(port), ca: api.caPem });
    await once(socket, 'secureConnect');
    socket.write(
      `POST ${sessionsPath} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.token}\r\nContent-Length: 100\r\n\r\n{`,
    );
    await api.send('GET', sessionsPath);
    socket.destroy();
    await once(socket, 'close');
    expect((await api.send('GET', sessionsPath)).code).toBe(200);
    expect(faults).toEqual([]);
  });

  it.each([
    ['GET', '/nope', 404],
    ['GET', '/apis/nope', 404],
    ['GET', '/api/v1/pods', 404],
    ['GET', '/apis/apps/v1/deployments', 404],
    ['GET', `${sessionsPath}/x/scale`, 404],
    ['PUT', sessionsPath, 405],
    ['POST', `${sessionsPath}/x`, 405],
    ['DELETE', '/api/v1/namespaces', 405],
    ['DELETE', '/api/v1/secrets', 405],
    ['POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', 405],
    ['DELETE', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/agentsessions.sweagent.dev', 405],
    ['POST', '/version', 405],
  ])('says plainly that %s %s is not served', async (method, path, code) => {
    await using api = await testApi();
    const answer = await api.send(method, path);
    expect(answer.code).toBe(code);
    expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', code, message: expect.stringMatching(/^the server/) });
  });

  it('says that it cannot answer in a form that it does not know', async () => {
    await using api = await testApi();
    const answer = await api.send('GET', sessionsPath, undefined, { accept: 'application/xml' });
    expect(answer.body).toMatchObject({ code: 406, reason: 'NotAcceptable' });
  });

  it('does not start with a definition that it cannot hold to', async () => {
    await using folder = await temporaryFolder();
    const source = await readFile(definitions[1] ?? '', 'utf8');
    const start = async (yaml: string) => {
      const path = join(folder.path, 'crd.yaml');
      await writeFile(path, yaml);
      return startEmbeddedApi({ stateDir: join(folder.path, 'state'), crds: [path], user: 'ada' });
    };
    await expect(start('kind: Pod')).rejects.toThrow('is no CustomResourceDefinition');
    await expect(
      start(source.replace("rule: self.provider != 'azure' || has(self.baseUrl)", 'rule: self.provider !=')),
    ).rejects.toThrow('the CEL rule');
    await expect(start(source.replace('has(self.baseUrl)', 'self.baseUrl.isLovely()'))).rejects.toThrow('the CEL rule');
    await expect(start(source.replace('minLength: 1', 'minimumLength: 1'))).rejects.toThrow(
      /the schema uses what is not supported: .*minimumLength/,
    );
  });

  it('gives stored objects the defaults of a schema that has grown, and drops what it no longer knows', async () => {
    await using folder = await temporaryFolder();
    const source = await readFile(definitions[1] ?? '', 'utf8');
    const path = join(folder.path, 'crd.yaml');
    await writeFile(path, source);
    const stateDir = join(folder.path, 'state');
    await using before = await testApi({ stateDir, crds: [path] });
    const spec = { provider: 'ollama', model: 'm', displayName: 'Mine' };
    await before.send('POST', profilesPath, {
      apiVersion: 'sweagent.dev/v1alpha1',
      kind: 'AIProfile',
      metadata: { name: 'p' },
      spec,
    });
    await before.close();
    const changed = source
      .replace('displayName:', 'title:')
      .replace(
        'apiVersion:\n                  type: string\n',
        'apiVersion:\n                  type: string\n                  default: v9\n',
      );
    expect(changed).not.toBe(source);
    await writeFile(path, changed);
    await using after = await testApi({ stateDir, crds: [path] });
    const { body } = await after.send('GET', `${profilesPath}/p`);
    expect(body.spec).toEqual({ provider: 'ollama', model: 'm', default: false, apiVersion: 'v9' });
  });

  it('does not complain about what an update leaves as it was, when a schema has become stricter', async () => {
    await using folder = await temporaryFolder();
    const source = await readFile(definitions[1] ?? '', 'utf8');
    const path = join(folder.path, 'crd.yaml');
    await writeFile(path, source);
    const stateDir = join(folder.path, 'state');
    await using before = await testApi({ stateDir, crds: [path] });
    const spec = { provider: 'ollama', model: 'm', displayName: 'Mine' };
    const object = { apiVersion: 'sweagent.dev/v1alpha1', kind: 'AIProfile', metadata: { name: 'p' }, spec };
    expect((await before.send('POST', profilesPath, object)).code).toBe(201);
    await before.close();
    await writeFile(path, source.replace('maxLength: 128', 'maxLength: 3'));
    await using after = await testApi({ stateDir, crds: [path] });
    const patch = (change: unknown) => after.send('PATCH', `${profilesPath}/p`, { spec: change }, mergePatchType);
    expect((await patch({ model: 'other' })).body.spec).toMatchObject({ model: 'other', displayName: 'Mine' });
    expect((await patch({ displayName: 'Ours' })).body.message).toContain('spec.displayName: Too long');
    expect((await patch({ displayName: 'Me' })).code).toBe(200);
  });

  it('tells what it serves, aggregated or group by group', async () => {
    await using api = await testApi();
    const accept =
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';
    const aggregated = await api.send('GET', '/apis', undefined, { accept });
    expect(aggregated.headers['content-type']).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
    const group = aggregated.body.items.find((item: { metadata: { name: string } }) => item.metadata.name === 'sweagent.dev');
    expect(group.versions[0].resources[0]).toEqual({
      resource: 'agentsessions',
      responseKind: { group: 'sweagent.dev', version: 'v1alpha1', kind: 'AgentSession' },
      scope: 'Namespaced',
      singularResource: 'agentsession',
      verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
      shortNames: ['ags'],
      categories: ['sweagent'],
      subresources: [
        {
          subresource: 'status',
          responseKind: { group: 'sweagent.dev', version: 'v1alpha1', kind: 'AgentSession' },
          verbs: ['get', 'patch', 'update'],
        },
      ],
    });
    const resources = (await api.send('GET', '/apis/sweagent.dev/v1alpha1')).body.resources;
    expect(resources.map(({ name }: { name: string }) => name)).toEqual([
      'agentsessions',
      'agentsessions/status',
      'aiprofiles',
      'aiprofiles/status',
    ]);
    expect((await api.send('GET', '/api')).body.versions).toEqual(['v1']);
    expect((await api.send('GET', '/apis/sweagent.dev')).body.preferredVersion.version).toBe('v1alpha1');
  });

  it('publishes schemas for every group and version, which a client may keep by their hash', async () => {
    await using api = await testApi();
    const { paths } = (await api.send('GET', '/openapi/v3')).body;
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['api/v1', 'apis/sweagent.dev/v1alpha1', 'apis/coordination.k8s.io/v1']),
    );
    const url = paths['apis/sweagent.dev/v1alpha1'].serverRelativeURL;
    const document = await api.send('GET', url);
    expect(document.headers['cache-control']).toBe('public, immutable');
    const model = document.body.components.schemas['dev.sweagent.v1alpha1.AgentSession'];
    expect(model['x-kubernetes-group-version-kind']).toEqual([
      { group: 'sweagent.dev', version: 'v1alpha1', kind: 'AgentSession' },
    ]);
    expect(model.properties.spec.properties.goal.maxLength).toBe(32768);
    expect((await api.send('GET', '/openapi/v2')).body.definitions).toHaveProperty(['dev.sweagent.v1alpha1.AIProfile']);
  });
});
