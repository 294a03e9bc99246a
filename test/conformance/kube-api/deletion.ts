import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mergePatchType, profilesPath, secretsPath, session, sessionsPath } from '../../support/embedded-api.ts';
import { eventually } from '../../support/eventually.ts';

import type { OpenApi } from '../kube-api.ts';

export function deletion(open: OpenApi): void {
  describe('deleting', () => {
    let api: Awaited<ReturnType<OpenApi>>;
    beforeAll(async () => {
      api = await open();
    });
    afterAll(async () => {
      await api[Symbol.asyncDispose]();
    });

    const create = async (name: string, metadata = {}) =>
      (await api.send('POST', sessionsPath, session(name, {}, metadata))).body;
    const get = (path: string) => api.send('GET', path);
    const gone = (path: string) => eventually(`${path} gone`, async () => (await get(path)).code === 404);

    type Owned = { metadata: { name: string; uid: string } };
    const owner = ({ metadata: { name, uid } }: Owned, more = {}) => ({
      apiVersion: 'sweagent.dev/v1alpha1',
      kind: 'AgentSession',
      name,
      uid,
      ...more,
    });
    const secret = (name: string, metadata = {}) => api.send('POST', secretsPath, { metadata: { name, ...metadata } });

    describe('deleting', () => {
      it('answers with a Status that names what is gone', async () => {
        const { metadata } = await create('plain');
        const answer = await api.send('DELETE', `${sessionsPath}/plain`);
        expect(answer.body).toMatchObject({
          kind: 'Status',
          status: 'Success',
          details: { name: 'plain', group: 'sweagent.dev', kind: 'agentsessions', uid: metadata.uid },
        });
        expect((await api.send('DELETE', `${sessionsPath}/plain`)).code).toBe(404);
      });

      it('waits for finalizers, which can then only be removed', async () => {
        await create('finalized', { finalizers: ['sweagent.dev/cleanup', 'example.com/other'] });
        const marked = await api.send('DELETE', `${sessionsPath}/finalized`);
        expect(marked.body.metadata).toMatchObject({
          generation: 2,
          deletionTimestamp: expect.any(String),
          deletionGracePeriodSeconds: 0,
        });
        const again = await api.send('DELETE', `${sessionsPath}/finalized`);
        expect(again.body.metadata.resourceVersion).toBe(marked.body.metadata.resourceVersion);
        const patch = (finalizers: unknown) =>
          api.send('PATCH', `${sessionsPath}/finalized`, { metadata: { finalizers } }, mergePatchType);
        expect((await patch(['sweagent.dev/cleanup', 'example.com/new'])).body.message).toContain(
          'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/new"}',
        );
        expect((await patch(['example.com/other'])).code).toBe(200);
        expect((await get(`${sessionsPath}/finalized`)).code).toBe(200);
        expect((await patch(null)).code).toBe(200);
        expect((await get(`${sessionsPath}/finalized`)).code).toBe(404);
      });

      it('holds to its preconditions', async () => {
        const { metadata } = await create('conditional');
        const remove = (preconditions: unknown) => api.send('DELETE', `${sessionsPath}/conditional`, { preconditions });
        const wrong = await remove({ uid: 'another' });
        expect(wrong.body).toMatchObject({ code: 409, reason: 'Conflict' });
        expect(wrong.body.message).toContain('the UID in the precondition (another) does not match the UID in record');
        expect((await remove({ resourceVersion: '1' })).code).toBe(409);
        expect((await remove({ uid: metadata.uid, resourceVersion: metadata.resourceVersion })).code).toBe(200);
      });

      it('as a dry run deletes nothing', async () => {
        await create('dry-delete');
        expect((await api.send('DELETE', `${sessionsPath}/dry-delete?dryRun=All`)).code).toBe(200);
        expect((await get(`${sessionsPath}/dry-delete`)).code).toBe(200);
      });

      it('a collection takes what the selector matches', async () => {
        const groups = { c1: 'x', c2: 'x', c3: 'y' };
        for (const [name, group] of Object.entries(groups)) await create(name, { labels: { group } });
        const answer = await api.send('DELETE', `${sessionsPath}?labelSelector=group%3Dx`);
        expect(answer.body.items).toHaveLength(2);
        expect((await get(`${sessionsPath}/c1`)).code).toBe(404);
        expect((await get(`${sessionsPath}/c3`)).code).toBe(200);
      });
    });

    describe('garbage collection', () => {
      it('takes dependents when their owner is gone, and theirs', async () => {
        const top = await create('owner');
        const middle = await create('middle', { ownerReferences: [owner(top)] });
        await secret('leaf', { ownerReferences: [owner(middle)] });
        await api.send('DELETE', `${sessionsPath}/owner`);
        await gone(`${secretsPath}/leaf`);
        expect((await get(`${sessionsPath}/middle`)).code).toBe(404);
      });

      it('keeps a dependent that has another owner, without the one that is gone', async () => {
        const [first, second] = [await create('first'), await create('second')];
        await secret('shared', { ownerReferences: [owner(first), owner(second)] });
        await api.send('DELETE', `${sessionsPath}/first`);
        const left = await eventually('one owner', async () => {
          const { ownerReferences } = (await get(`${secretsPath}/shared`)).body.metadata;
          return ownerReferences.length === 1 && ownerReferences;
        });
        expect(left[0].name).toBe('second');
      });

      it('waits in the foreground for dependents that block', async () => {
        const top = await create('foreground');
        await secret('blocking', {
          ownerReferences: [owner(top, { blockOwnerDeletion: true })],
          finalizers: ['example.com/hold'],
        });
        const marked = await api.send('DELETE', `${sessionsPath}/foreground?propagationPolicy=Foreground`);
        expect(marked.body.metadata.finalizers).toEqual(['foregroundDeletion']);
        await eventually('dependent marked', async () => (await get(`${secretsPath}/blocking`)).body.metadata.deletionTimestamp);
        expect((await get(`${sessionsPath}/foreground`)).code).toBe(200);
        await api.send('PATCH', `${secretsPath}/blocking`, { metadata: { finalizers: null } }, mergePatchType);
        await gone(`${sessionsPath}/foreground`);
        expect((await get(`${secretsPath}/blocking`)).code).toBe(404);
      });

      it('orphans dependents when asked', async () => {
        const top = await create('orphaning');
        await secret('orphan', { ownerReferences: [owner(top)] });
        await api.send('DELETE', `${sessionsPath}/orphaning`, { propagationPolicy: 'Orphan' });
        await gone(`${sessionsPath}/orphaning`);
        const { metadata } = (await get(`${secretsPath}/orphan`)).body;
        expect(metadata.ownerReferences ?? []).toEqual([]);
      });

      it('takes an object that is created for an owner that is already gone, but judges no unknown kind', async () => {
        const ghost = { metadata: { name: 'ghost', uid: 'no-such-uid' } };
        await secret('foreign', { ownerReferences: [owner(ghost, { apiVersion: 'example.com/v1', kind: 'Thing' })] });
        await secret('late', { ownerReferences: [owner(ghost)] });
        await gone(`${secretsPath}/late`);
        expect((await get(`${secretsPath}/foreign`)).code).toBe(200);
      });
    });

    describe('deleting a namespace', () => {
      it('removes all that is in it, and lets nothing new in meanwhile', async () => {
        await api.send('POST', '/api/v1/namespaces', { metadata: { name: 'team' } });
        const inTeam = (path: string) => path.replace('/default/', '/team/');
        await api.send('POST', inTeam(sessionsPath), session('held', {}, { finalizers: ['example.com/hold'] }));
        await api.send('POST', inTeam(secretsPath), { metadata: { name: 'key' } });
        const spec = { provider: 'ollama', model: 'm' };
        const profile = { apiVersion: 'sweagent.dev/v1alpha1', kind: 'AIProfile', metadata: { name: 'p' }, spec };
        expect((await api.send('POST', inTeam(profilesPath), profile)).code).toBe(201);
        const answer = await api.send('DELETE', '/api/v1/namespaces/team');
        expect(answer.body).toMatchObject({ kind: 'Namespace', status: { phase: 'Terminating' } });
        await gone(inTeam(`${secretsPath}/key`));
        await gone(inTeam(`${profilesPath}/p`));
        const late = await api.send('POST', inTeam(secretsPath), { metadata: { name: 'late' } });
        expect(late.body).toMatchObject({
          code: 403,
          message: 'secrets "late" is forbidden: unable to create new content in namespace team because it is being terminated',
        });
        expect((await get('/api/v1/namespaces/team')).code).toBe(200);
        await api.send('PATCH', inTeam(`${sessionsPath}/held`), { metadata: { finalizers: null } }, mergePatchType);
        await gone('/api/v1/namespaces/team');
      });

      it('is refused for those that are always there', async () => {
        const answer = await api.send('DELETE', '/api/v1/namespaces/default');
        expect(answer.body).toMatchObject({
          code: 403,
          message: 'namespaces "default" is forbidden: this namespace may not be deleted',
        });
      });
    });
  });
}
