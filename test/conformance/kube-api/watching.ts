import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mergePatchType, session, sessionsPath, type TestWatch } from '../../support/embedded-api.ts';
import { eventually } from '../../support/eventually.ts';

import type { OpenApi } from '../kube-api.ts';

export function watching(open: OpenApi): void {
  describe('watching', () => {
    let api: Awaited<ReturnType<OpenApi>>;
    beforeEach(async () => {
      api = await open();
    });
    afterEach(async () => {
      await api[Symbol.asyncDispose]();
    });

    const create = async (name: string, metadata = {}) =>
      (await api.send('POST', sessionsPath, session(name, {}, metadata))).body;
    const label = (name: string, labels: unknown) =>
      api.send('PATCH', `${sessionsPath}/${name}`, { metadata: { labels } }, mergePatchType);
    const revision = async (): Promise<string> => (await api.send('GET', sessionsPath)).body.metadata.resourceVersion;
    const seen = (watch: TestWatch, count: number) =>
      eventually(`${count} events`, () => (watch.events.length >= count ? watch.events : undefined));
    const shown = (events: TestWatch['events']) => events.map(({ type, object }) => `${type} ${object.metadata.name}`);

    describe('a watch', () => {
      it('without a revision begins with what is there', async () => {
        await create('a');
        const watch = await api.watch(`${sessionsPath}?watch=true`);
        await seen(watch, 1);
        await create('b');
        expect(shown(await seen(watch, 2))).toEqual(['ADDED a', 'ADDED b']);
        watch.close();
      });

      it('from a revision shows each change after it once, in order, with its revision', async () => {
        await create('a');
        const from = await revision();
        await create('b');
        const watch = await api.watch(`${sessionsPath}?watch=true&resourceVersion=${from}`);
        await label('a', { x: 'y' });
        await api.send('DELETE', `${sessionsPath}/b`);
        const events = await seen(watch, 3);
        expect(shown(events)).toEqual(['ADDED b', 'MODIFIED a', 'DELETED b']);
        const revisions = events.map(({ object }) => Number(object.metadata.resourceVersion));
        expect(revisions).toEqual([...new Set(revisions)].sort((x, y) => x - y));
        expect(revisions[0]).toBeGreaterThan(Number(from));
        watch.close();
      });

      it('shows an object that comes to match as added, and one that ceases to as deleted, as it was', async () => {
        await create('a');
        const watch = await api.watch(`${sessionsPath}?watch=true&labelSelector=team%3Dx&resourceVersion=${await revision()}`);
        await label('a', { team: 'x' });
        await label('a', { team: 'x', more: '1' });
        const last = await label('a', { team: 'y' });
        await create('other');
        const events = await seen(watch, 3);
        expect(shown(events)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
        expect(events[2]?.object.metadata).toMatchObject({
          labels: { team: 'x', more: '1' },
          resourceVersion: last.body.metadata.resourceVersion,
        });
        watch.close();
      });

      it('selects by name, by phase and by namespace', async () => {
        await api.send('POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
        const from = await revision();
        const byName = await api.watch(`${sessionsPath}?watch=true&fieldSelector=metadata.name%3Db&resourceVersion=${from}`);
        const byPhase = await api.watch(`${sessionsPath}?watch=true&fieldSelector=status.phase%3DQueued&resourceVersion=${from}`);
        const everywhere = await api.watch(`/apis/sweagent.dev/v1alpha1/agentsessions?watch=true&resourceVersion=${from}`);
        await create('a');
        await create('b');
        await api.send('POST', sessionsPath.replace('/default/', '/other/'), session('c'));
        await api.send('PATCH', `${sessionsPath}/a/status`, { status: { phase: 'Queued' } }, mergePatchType);
        expect(shown(await seen(everywhere, 4))).toEqual(['ADDED a', 'ADDED b', 'ADDED c', 'MODIFIED a']);
        expect(shown(await seen(byPhase, 1))).toEqual(['ADDED a']);
        expect(shown(await seen(byName, 1))).toEqual(['ADDED b']);
        for (const watch of [byName, byPhase, everywhere]) watch.close();
      });

      it('ends in order when its time is over', async () => {
        const watch = await api.watch(`${sessionsPath}?watch=true&timeoutSeconds=1&resourceVersion=${await revision()}`);
        expect(await watch.ended).toBe('ended');
        expect(watch.events).toEqual([]);
      });

      it('marks where the initial objects end when asked to send them', async () => {
        await create('a');
        const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
        const watch = await api.watch(`${sessionsPath}?${query}`);
        const events = await seen(watch, 2);
        expect(events[0]?.type).toBe('ADDED');
        expect(events[1]).toMatchObject({
          type: 'BOOKMARK',
          object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
        });
        watch.close();
        const refused = await api.send('GET', `${sessionsPath}?watch=true&sendInitialEvents=true`);
        expect(refused.body.message).toContain('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
      });

      it('as a table describes its columns once', async () => {
        const watch = await api.watch(`${sessionsPath}?watch=true`, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
        await create('a');
        await create('b');
        const [first, second] = await seen(watch, 2);
        expect(first?.object.columnDefinitions.length).toBeGreaterThan(5);
        expect(second?.object).toMatchObject({
          kind: 'Table',
          columnDefinitions: null,
          rows: [{ cells: expect.arrayContaining(['b']) }],
        });
        watch.close();
      });
    });
  });
}
