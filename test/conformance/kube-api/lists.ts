import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mergePatchType, secretsPath, session, sessionsPath } from '../../support/embedded-api.ts';

const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };

import type { OpenApi } from '../kube-api.ts';

export function lists(open: OpenApi): void {
  describe('listing', () => {
    let api: Awaited<ReturnType<OpenApi>>;
    beforeAll(async () => {
      api = await open();
      const labels: Record<string, Record<string, string>> = {
        a: { tier: 'web', size: '1' },
        b: { tier: 'db', size: '20' },
        c: { tier: 'web', extra: '' },
        d: {},
      };
      for (const [name, each] of Object.entries(labels))
        await api.send('POST', sessionsPath, session(name, {}, { labels: each }));
      await api.send(
        'PATCH',
        `${sessionsPath}/b/status`,
        { status: { phase: 'Queued', steps: 3, usage: { costUSD: 0.25 } } },
        mergePatchType,
      );
    });
    afterAll(async () => {
      await api[Symbol.asyncDispose]();
    });

    const list = (query: string, path = sessionsPath) => api.send('GET', `${path}?${query}`);
    const names = async (query: string, path?: string): Promise<string[]> =>
      (await list(query, path)).body.items.map((item: { metadata: { name: string } }) => item.metadata.name);

    describe('a list', () => {
      it.each([
        ['labelSelector=tier%3Dweb', ['a', 'c']],
        ['labelSelector=tier%3D%3Dweb', ['a', 'c']],
        ['labelSelector=tier!%3Dweb', ['b', 'd']],
        ['labelSelector=tier in (web, db),size', ['a', 'b']],
        ['labelSelector=tier notin (web)', ['b', 'd']],
        ['labelSelector=!tier', ['d']],
        ['labelSelector=size>1', ['b']],
        ['labelSelector=size<20', ['a']],
        ['labelSelector=extra%3D', ['c']],
        ['fieldSelector=metadata.name%3Da', ['a']],
        ['fieldSelector=metadata.name!%3Da,metadata.namespace%3Ddefault', ['b', 'c', 'd']],
        ['fieldSelector=status.phase%3DQueued', ['b']],
        ['fieldSelector=status.phase!%3DQueued', ['a', 'c', 'd']],
      ])('with %s holds what matches', async (query, expected) => {
        expect(await names(encodeURI(query).replaceAll('%25', '%'))).toEqual(expected);
      });

      it.each([
        ['labelSelector=a b c', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
        ['labelSelector=a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
        ['labelSelector=a%3Db%3Dc', "found '=', expected: ',' or 'end of string'"],
        ['fieldSelector=spec.goal%3Dx', 'field label not supported: spec.goal'],
        ['fieldSelector=a', "invalid selector: 'a'; can't understand 'a'"],
        ['limit=x', 'parsing "x": invalid syntax'],
        ['resourceVersion=abc', 'invalid resource version'],
        ['continue=abc', 'invalid continue token'],
      ])('with %s is a bad request', async (query, message) => {
        const answer = await list(query.replaceAll(' ', '%20'));
        expect(answer.body).toMatchObject({ kind: 'Status', code: 400, reason: 'BadRequest' });
        expect(answer.body.message).toContain(message);
      });

      it('comes in pages that show one moment, whatever happens between them', async () => {
        const first = (await list('limit=2')).body;
        expect(first.metadata.remainingItemCount).toBe(2);
        await api.send('POST', sessionsPath, session('bb'));
        await api.send('DELETE', `${sessionsPath}/d`);
        const second = (await list(`limit=2&continue=${first.metadata.continue}`)).body;
        const shown = [...first.items, ...second.items].map((item) => item.metadata.name);
        expect(shown).toEqual(['a', 'b', 'c', 'd']);
        expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
        // Left out or empty, as the server likes.
        expect(second.metadata.continue ?? '').toBe('');
        await api.send('DELETE', `${sessionsPath}/bb`);
        await api.send('POST', sessionsPath, session('d'));
      });

      it('of a revision that is not there yet is refused, with when to try again', async () => {
        const answer = await list('resourceVersion=999999');
        expect(answer.body).toMatchObject({ code: 504, reason: 'Timeout', details: { retryAfterSeconds: 1 } });
        expect(answer.headers['retry-after']).toBe('1');
      });

      it('as a table has a row for each object and a cell for each column', async () => {
        const { body } = await api.send('GET', `${sessionsPath}?fieldSelector=metadata.name%3Db`, undefined, table);
        const columns: { name: string; priority: number }[] = body.columnDefinitions;
        expect(columns.map(({ name, priority }) => `${name}${priority ? ' wide' : ''}`)).toEqual([
          'Name',
          'Phase',
          'Reason',
          'Steps',
          'Cost',
          'Branch',
          'Age',
          'Author wide',
          'Repository wide',
          'Goal wide',
          'Message wide',
        ]);
        expect(body.rows).toHaveLength(1);
        expect(body.rows[0].cells).toEqual([
          'b',
          'Queued',
          null,
          3,
          0.25,
          null,
          expect.stringMatching(/^\d+[sm]/),
          null,
          'https://example.com/repo.git',
          'Fix the bug',
          null,
        ]);
        expect(body.rows[0].object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'b' } });
        const bare = await api.send('GET', `${sessionsPath}?includeObject=None`, undefined, table);
        expect(bare.body.rows[0].object ?? null).toBeNull();
      });

      it('as metadata alone leaves the rest out', async () => {
        const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
        const { body } = await api.send('GET', sessionsPath, undefined, { accept });
        expect(body.kind).toBe('PartialObjectMetadataList');
        expect(Object.keys(body.items[0]).sort()).toEqual(['apiVersion', 'kind', 'metadata']);
      });

      it('of all namespaces spans them', async () => {
        await api.send('POST', '/api/v1/namespaces', { metadata: { name: 'default-2' } });
        await api.send('POST', secretsPath.replace('/default/', '/default-2/'), { metadata: { name: 'x' } });
        await api.send('POST', secretsPath, { metadata: { name: 'y' } });
        expect(await names('', '/api/v1/secrets')).toEqual(['x', 'y']);
        const page = (await list('limit=1', '/api/v1/secrets')).body;
        expect(await names(`limit=1&continue=${page.metadata.continue}`, '/api/v1/secrets')).toEqual(['y']);
      });
    });
  });
}
