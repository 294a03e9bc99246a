import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { kubeApiConformance } from '../../test/conformance/kube-api.ts';
import {
  jsonPatchType,
  mergePatchType,
  secretsPath,
  session,
  sessionsPath,
  type TestApi,
  type TestWatch,
  testApi,
} from '../../test/support/embedded-api.ts';
import { eventually } from '../../test/support/eventually.ts';

kubeApiConformance('the embedded API', () => testApi());

describe('where the embedded API differs on purpose', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await testApi();
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
  });

  it('a Secret is not repeated in the refusal of a patch, nor a token in its review', async () => {
    const token = Buffer.from('not-to-be-told').toString('base64');
    await api.send('POST', secretsPath, { metadata: { name: 'unrepeated' }, data: { token } });
    const path = `${secretsPath}/unrepeated?fieldValidation=Strict`;
    const answer = await api.send('PATCH', path, { dota: {} }, mergePatchType);
    expect(answer.body).toMatchObject({
      code: 422,
      message: ' "" is invalid: patch: Invalid value: strict decoding error: unknown field "dota"',
    });
    expect(answer.text).not.toContain(token);
    const spec = { token: api.token };
    const reviewed = await api.send('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec });
    expect(reviewed.body.status).toMatchObject({ authenticated: true });
    expect(reviewed.text).not.toContain(api.token);
  });

  it('a JSON patch that does not apply is refused with what did not', async () => {
    await api.send('POST', sessionsPath, session('patched'));
    const patch = [{ op: 'test', path: '/spec/goal', value: 'something else' }];
    const { body } = await api.send('PATCH', `${sessionsPath}/patched`, patch, jsonPatchType);
    expect(body.details.causes).toMatchObject([{ message: 'testing path /spec/goal value failed', field: 'patch' }]);
  });

  it('a watch always ends with a bookmark where it may continue, which covers what other kinds used up', async () => {
    const overtaken = async (seconds: number): Promise<{ watch: TestWatch; metadata: { resourceVersion: string } }> => {
      const from = (await api.send('GET', sessionsPath)).body.metadata.resourceVersion;
      const query = `watch=true&timeoutSeconds=${seconds}&allowWatchBookmarks=true&resourceVersion=${from}`;
      const began = performance.now();
      const watch = await api.watch(`${sessionsPath}?${query}`);
      const { metadata } = (await api.send('POST', secretsPath, { metadata: { name: `moves-on-${seconds}` } })).body;
      // On a slow machine the watch may be over before anything moves on.
      const inTime = performance.now() - began < seconds * 1_000;
      await watch.ended;
      return inTime ? { watch, metadata } : overtaken(4 * seconds);
    };
    const { watch, metadata } = await overtaken(1);
    expect(watch.events.map(({ type }) => type)).toEqual(['BOOKMARK']);
    const { resourceVersion } = watch.events[0]?.object.metadata ?? {};
    expect(Number(resourceVersion)).toBeGreaterThanOrEqual(Number(metadata.resourceVersion));
    const next = await api.watch(`${sessionsPath}?watch=true&resourceVersion=${resourceVersion}`);
    await api.send('POST', sessionsPath, session('later'));
    const [first] = await eventually('an event', () => next.events.length > 0 && next.events);
    expect(first).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'later' } } });
    next.close();
  });

  it('server-side apply is refused with what to do instead', async () => {
    const type = { 'content-type': 'application/apply-patch+yaml' };
    const path = `${sessionsPath}/applied?fieldManager=kubectl`;
    const answer = await api.send('PATCH', path, JSON.stringify(session('applied')), type);
    expect(answer.body).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
    expect(answer.body.message).toContain('use kubectl apply without --server-side');
  });

  it('server-side apply is refused for an object that is there', async () => {
    await api.send('POST', sessionsPath, session('there'));
    const answer = await api.send('PATCH', `${sessionsPath}/there`, '{}', { 'content-type': 'application/apply-patch+yaml' });
    expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', code: 415 });
  });
});
