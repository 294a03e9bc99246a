import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jsonPatchType, mergePatchType, session, sessionsPath } from '../../support/embedded-api.ts';

import type { OpenApi } from '../kube-api.ts';

export function writes(open: OpenApi): void {
  describe('writing', () => {
    let api: Awaited<ReturnType<OpenApi>>;
    beforeAll(async () => {
      api = await open();
    });
    afterAll(async () => {
      await api[Symbol.asyncDispose]();
    });

    const create = async (name: string, spec = {}, metadata = {}) =>
      (await api.send('POST', sessionsPath, session(name, spec, metadata))).body;
    const get = async (name: string) => (await api.send('GET', `${sessionsPath}/${name}`)).body;
    const merge = (name: string, patch: unknown) => api.send('PATCH', `${sessionsPath}/${name}`, patch, mergePatchType);

    describe('creating', () => {
      it('makes a name from generateName, another for each object', async () => {
        const make = async () => {
          const answer = await api.send('POST', sessionsPath, session('', {}, { name: undefined, generateName: 'gen-' }));
          return answer.body.metadata.name;
        };
        const [first, second] = [await make(), await make()];
        expect(first).toMatch(/^gen-[a-z0-9]{5}$/);
        expect(second).not.toBe(first);
      });

      it('a name that is taken is AlreadyExists', async () => {
        await create('taken');
        const answer = await api.send('POST', sessionsPath, session('taken'));
        expect(answer.code).toBe(409);
        expect(answer.body).toMatchObject({
          reason: 'AlreadyExists',
          message: 'agentsessions.sweagent.dev "taken" already exists',
          details: { name: 'taken', group: 'sweagent.dev', kind: 'agentsessions' },
        });
      });

      it('ignores a status and everything that belongs to the server', async () => {
        const metadata = { uid: 'x', generation: 7, deletionTimestamp: '2026-01-01T00:00:00Z' };
        const object = { ...session('servers', {}, metadata), status: { phase: 'Completed' } };
        const { body } = await api.send('POST', sessionsPath, object);
        expect(body).not.toHaveProperty('status');
        expect(body.metadata).toMatchObject({ generation: 1, uid: expect.stringMatching(/^[0-9a-f-]{36}$/) });
        expect(body.metadata).not.toHaveProperty('deletionTimestamp');
      });

      it('in a namespace that does not exist is NotFound', async () => {
        const answer = await api.send('POST', sessionsPath.replace('default', 'nowhere'), session('x'));
        expect(answer.body).toMatchObject({ code: 404, message: 'namespaces "nowhere" not found' });
      });

      it('with dryRun=All answers and stores nothing', async () => {
        const answer = await api.send('POST', `${sessionsPath}?dryRun=All`, session('dry'));
        expect(answer.code).toBe(201);
        expect((await get('dry')).code).toBe(404);
        const odd = await api.send('POST', `${sessionsPath}?dryRun=Some`, session('dry'));
        expect(odd.body.message).toContain('dryRun: Unsupported value: ["Some"]: supported values: "All"');
      });
    });

    describe('updating', () => {
      it('an object that changed in the meantime is a Conflict', async () => {
        const first = await create('conflict');
        await merge('conflict', { spec: { suspend: true } });
        const answer = await api.send('PUT', `${sessionsPath}/conflict`, first);
        expect(answer.code).toBe(409);
        expect(answer.body).toMatchObject({
          reason: 'Conflict',
          message:
            'Operation cannot be fulfilled on agentsessions.sweagent.dev "conflict": the object has been modified; please apply your changes to the latest version and try again',
        });
        const { resourceVersion } = first.metadata;
        expect((await merge('conflict', { metadata: { resourceVersion }, spec: { suspend: false } })).code).toBe(409);
      });

      it('a custom resource without a resourceVersion is refused', async () => {
        await create('versionless');
        const answer = await api.send('PUT', `${sessionsPath}/versionless`, session('versionless'));
        expect(answer.code).toBe(422);
        expect(answer.body.message).toContain('metadata.resourceVersion: Invalid value: 0: must be specified for an update');
      });

      it('counts generations of the spec, not of labels or status', async () => {
        await create('generation');
        const generation = async () => (await get('generation')).metadata.generation;
        await merge('generation', { metadata: { labels: { a: 'b' } } });
        expect(await generation()).toBe(1);
        await api.send('PATCH', `${sessionsPath}/generation/status`, { status: { phase: 'Queued' } }, mergePatchType);
        expect(await generation()).toBe(1);
        await merge('generation', { spec: { suspend: true } });
        expect(await generation()).toBe(2);
      });

      it('that changes nothing leaves the resourceVersion as it is', async () => {
        const { metadata } = await create('same');
        const answer = await merge('same', { spec: { suspend: false } });
        expect(answer.code).toBe(200);
        expect(answer.body.metadata.resourceVersion).toBe(metadata.resourceVersion);
      });

      it('status touches nothing else, and the object itself does not touch status', async () => {
        const { metadata } = await create('parts');
        const status = { metadata: { labels: { q: 's' } }, spec: { suspend: true }, status: { phase: 'Planning', bogus: 1 } };
        const changed = await api.send('PATCH', `${sessionsPath}/parts/status`, status, mergePatchType);
        expect(changed.body).toMatchObject({ status: { phase: 'Planning' }, spec: { suspend: false } });
        expect(changed.body.status).not.toHaveProperty('bogus');
        expect(changed.body.metadata).not.toHaveProperty('labels');
        const object = await merge('parts', { spec: { suspend: true }, status: { phase: 'Failed' } });
        expect(object.body).toMatchObject({
          status: { phase: 'Planning' },
          spec: { suspend: true },
          metadata: { uid: metadata.uid },
        });
        const replaced = await api.send('PUT', `${sessionsPath}/parts/status`, {
          ...object.body,
          status: { phase: 'Reviewing' },
        });
        expect(replaced.body.status).toEqual({ phase: 'Reviewing' });
      });

      it('cannot change name, uid or namespace', async () => {
        await create('identity');
        expect((await merge('identity', { metadata: { name: 'zz' } })).body.message).toBe(
          'the name of the object (zz) does not match the name on the URL (identity)',
        );
        const uid = await merge('identity', { metadata: { uid: '1' } });
        expect(uid.body.message).toContain('metadata.uid: Invalid value: "1": field is immutable');
        expect((await merge('identity', { metadata: { namespace: 'foo' } })).code).toBe(400);
      });

      it('something that is not there is NotFound', async () => {
        const answer = await merge('nobody', { spec: {} });
        expect(answer.body).toMatchObject({
          code: 404,
          reason: 'NotFound',
          message: 'agentsessions.sweagent.dev "nobody" not found',
        });
      });
    });

    describe('patching', () => {
      it('applies a JSON patch, operation by operation', async () => {
        await create('json-patch', { verify: ['a', 'c'] }, { annotations: { 'a/b': 'x' } });
        const patch = [
          { op: 'test', path: '/spec/suspend', value: false },
          { op: 'add', path: '/spec/verify/1', value: 'b' },
          { op: 'add', path: '/spec/verify/-', value: 'd' },
          { op: 'remove', path: '/spec/verify/0' },
          { op: 'copy', from: '/metadata/annotations/a~1b', path: '/metadata/annotations/copied' },
          { op: 'move', from: '/metadata/annotations/a~1b', path: '/metadata/annotations/moved' },
          { op: 'replace', path: '/spec/suspend', value: true },
        ];
        const { body } = await api.send('PATCH', `${sessionsPath}/json-patch`, patch, jsonPatchType);
        expect(body.spec).toMatchObject({ verify: ['b', 'c', 'd'], suspend: true });
        expect(body.metadata.annotations).toEqual({ copied: 'x', moved: 'x' });
      });

      it.each([
        ['application/strategic-merge-patch+json', '{}', 415],
        ['application/json', '{}', 415],
        ['application/merge-patch+json', '[', 400],
        ['application/merge-patch+json', '[]', 400],
        ['application/json-patch+json', '{}', 400],
        ['application/json-patch+json', '[{"op":"zap","path":"/spec"}]', 422],
        ['application/json-patch+json', '[{"op":"remove","path":"/spec/zz"}]', 422],
      ])('a custom resource as %s with %s is refused', async (type, text, code) => {
        const name = `refused-${code}-${text.length}-${type.length}`;
        await create(name);
        const answer = await api.send('PATCH', `${sessionsPath}/${name}`, text, { 'content-type': type });
        expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', code });
      });
    });
  });
}
