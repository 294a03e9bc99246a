import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { operations, TestGateway } from '../../test/support/gateway.ts';
import { PLAN, PUBLISHED } from '../../test/support/session-events.ts';
import { sessionOf } from '../session-request.ts';
import { openApi } from './document.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start();
});
afterAll(() => gateway.close());

describe('the OpenAPI document', () => {
  it('describes every route with every method, and no other', () => {
    const routes = gateway.handler.router.stack.flatMap(({ route }) => {
      if (!route) return [];
      const path = route.path.replace(/:(\w+)/g, '{$1}');
      const methods = route.stack.map((layer) => layer.method?.toUpperCase());
      return [...new Set(methods)].filter((method) => method && method !== 'OPTIONS').map((method) => `${method} ${path}`);
    });
    const described = operations().map(({ method, path }) => `${method} ${path}`);
    expect(routes.sort()).toEqual(described.sort());
  });

  it('is what every route answers when all goes well', async () => {
    for (const noun of ['session', 'task']) {
      const base = `/agent/${noun}s`;
      const body = { goal: 'g', repo_url: 'https://example.com/r.git', mode: 'review' };
      const key = { 'Idempotency-Key': `${noun}-1` };
      const created = await gateway.post(base, body, key);
      await gateway.post(base, body, key);
      const at = created.headers.location ?? '';
      const id = at.split('/').at(-1) ?? '';
      const uid = (await gateway.object(id)).metadata.uid ?? '';
      const patch = await gateway.blobs.put(uid, Buffer.from('text'));
      await gateway.happen(
        id,
        { type: 'session.started', goal: 'g', repository: { url: 'u' }, mode: 'review' },
        PLAN,
        { type: 'phase.entered', phase: 'WaitingForUser', reason: 'PlanReady', message: 'm' },
        { ...PUBLISHED, patch, bundle: patch },
      );
      await gateway.get(base);
      await gateway.get(at);
      for (const path of ['plan', 'diff', 'bundle', `blobs/${patch.blob}`]) await gateway.get(`${at}/${path}`);
      await gateway.send(`${at}/limits`, { method: 'PATCH', body: { max_steps: 9 } });
      for (const act of ['approve', 'suspend', 'resume']) await gateway.post(`${at}/${act}`);
      await gateway.post(`${at}/input`, { message: 'm' });
      await gateway.get(at);
      await gateway.post(`${at}/cancel`);
      await gateway.send(`${at}/events`, { method: 'HEAD' });
      await gateway.send(at, { method: 'DELETE' });
    }
    const profile = { display_name: 'My GPT-4', provider: 'openai', model: 'gpt-4-turbo', key: 'sk-of-the-openapi-test' };
    await gateway.post('/agent/profiles', profile);
    await gateway.get('/agent/profiles');
    await gateway.get('/agent/profiles/my-gpt-4');
    await gateway.send('/agent/profiles/my-gpt-4', { method: 'PATCH', body: { default: true } });
    await gateway.send('/agent/profiles/my-gpt-4/key', { method: 'PUT', body: { key: 'sk-another-of-the-openapi-test' } });
    await gateway.post('/agent/profiles/my-gpt-4/test');
    await gateway.send('/agent/profiles/my-gpt-4', { method: 'DELETE' });
    for (const path of ['/', '/openapi.json', '/healthz', '/readyz', '/metrics', '/agent/me']) await gateway.get(path);
    await gateway.post('/login', {});
    await gateway.post('/logout');

    const expected = operations().flatMap(({ method, path, answers }) =>
      [...answers.keys()].filter((status) => status.startsWith('2')).map((status) => `${method} ${path} ${status}`),
    );
    // A stream has no end to compare; its headers are what HEAD answers.
    const events = expected.filter((where) => where.includes('/events'));
    expect([...gateway.seen].sort()).toEqual(expected.filter((where) => !events.includes(where)).sort());
  });

  it('is served as it is', async () => {
    expect((await gateway.get('/openapi.json')).json()).toEqual(JSON.parse(JSON.stringify(openApi())));
  });

  it('refers to nothing that is not there, and names each operation once', () => {
    const text = JSON.stringify(openApi());
    for (const [, pointer] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const target = pointer?.split('/').reduce<unknown>((value, name) => Object(value)[name], openApi());
      expect([pointer, target]).toEqual([pointer, expect.any(Object)]);
    }
    const ids = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBe(operations().length);
  });

  it('describes exactly the fields that a request may have', () => {
    const request = Object(openApi().components).schemas.SessionRequest;
    const given = {
      name: 'a',
      namespace: 'b',
      author: 'c',
      door: 'sessions',
      allowLocalRepositories: false,
      now: 0,
      newId: () => 'i',
    } as const;
    for (const field of Object.keys(request.properties)) {
      const refusal = (() => {
        try {
          sessionOf({ goal: 'g', repo_url: 'https://example.com/r', [field]: Symbol.iterator }, given);
          return '';
        } catch (error) {
          return String(error);
        }
      })();
      expect([field, refusal]).not.toEqual([field, expect.stringContaining('is not a field here')]);
    }
    expect(request).toMatchObject({
      required: ['goal', 'repo_url'],
      additionalProperties: false,
      properties: {
        goal: { type: 'string', maxLength: 32768 },
        limits: { properties: { max_cost_usd: { type: 'number' } } },
        sandbox: { properties: { runtime_class_name: { type: 'string' } } },
        inputs: { items: { required: ['message'] } },
      },
    });
  });
});
