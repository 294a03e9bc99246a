import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ApiObject } from './json.ts';
import { ObjectStore } from './storage.ts';

const BUCKET = 'agentsessions';

let folder: string;
let store: ObjectStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pages-'));
  store = new ObjectStore(join(folder, 'objects.db'), {});
});
afterEach(async () => {
  store.close();
  await rm(folder, { recursive: true });
});

const key = (name: string, namespace = 'default') => ({ bucket: BUCKET, namespace, name });
const put = (name: string, goal: string, namespace = 'default') =>
  store.put(key(name, namespace), object(name, goal, namespace), false);

function object(name: string, goal: string, namespace: string): ApiObject {
  return {
    apiVersion: 'sweagent.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name, namespace, uid: `${namespace}-${name}`, resourceVersion: '0', creationTimestamp: '2030-01-01T00:00:00Z' },
    spec: { goal },
  };
}

describe('pages of what is stored', () => {
  it('are together what there was at their moment, whatever was made, changed and removed since', () => {
    for (let index = 0; index < 30; index++) put(`s-${String(index).padStart(2, '0')}`, 'first');
    put('elsewhere', 'first', 'other');
    const revision = store.revision;
    const whole = store.list(BUCKET, 'default');
    const changes = [
      () => put('s-03', 'second'),
      () => put('s-03', 'third'),
      () => put('s-04-new', 'new'),
      () => store.remove(key('s-05'), object('s-05', 'gone', 'default')),
      () => put('s-05', 'made again'),
      () => store.remove(key('s-29'), object('s-29', 'gone', 'default')),
      () => store.remove(key('s-10'), object('s-10', 'gone', 'default')),
      () => put('a', 'new'),
      () => put('zz', 'new'),
      () => put('b', 'new', 'other'),
    ];
    for (const change of changes) {
      change();
      for (const limit of [1, 4, 7, 29, 30, 31, 100]) {
        const seen: ApiObject[] = [];
        for (let after = ''; ; ) {
          const { objects, remaining } = store.page(BUCKET, 'default', { after, limit, revision });
          seen.push(...objects);
          expect([limit, objects.length, remaining]).toEqual([
            limit,
            Math.min(limit, whole.length - seen.length + objects.length),
            whole.length - seen.length,
          ]);
          if (remaining === 0) break;
          after = objects.at(-1)?.metadata.name ?? '';
        }
        expect(seen).toEqual(whole);
      }
      expect(store.page(BUCKET, 'default', { after: '', limit: 100, revision: store.revision }).objects).toEqual(
        store.list(BUCKET, 'default'),
      );
    }
  });

  it('are empty where there is nothing, or nothing more', () => {
    expect(store.page(BUCKET, 'default', { after: '', limit: 5, revision: store.revision })).toEqual({
      objects: [],
      remaining: 0,
    });
    put('a', 'g');
    for (const after of ['a', '\uffff']) {
      expect(store.page(BUCKET, 'default', { after, limit: 5, revision: store.revision })).toEqual({ objects: [], remaining: 0 });
    }
  });
});
