import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { API_ROUTES, type Route, routeOf, TOOLBOX_ROUTES } from './routes.ts';

/** What the generated clients of the SDK send for an operation: each has a function that makes the request without sending it. */
type Creators = Record<string, (...args: string[]) => Promise<{ url: string; options: { method?: string } }>>;
type Generated = Record<string, () => Creators>;

const fromSdk = createRequire(createRequire(import.meta.url).resolve('@daytonaio/sdk'));
const api: Generated = fromSdk('@daytona/api-client');
const toolbox: Generated = fromSdk('@daytona/toolbox-api-client');

async function sentBy(generated: Generated, { client, operation }: Route): Promise<{ method: string | undefined; path: string }> {
  const creators = generated[`${client}AxiosParamCreator`]?.();
  const create = creators?.[operation];
  if (!create) throw new Error(`the SDK has no operation ${client}.${operation}`);
  const { url, options } = await create('first', 'second', 'third');
  return { method: options.method, path: new URL(url, 'http://x').pathname };
}

describe('the routes of the Daytona server of the tests', () => {
  for (const [name, generated, routes] of [
    ['control plane', api, API_ROUTES],
    ['toolbox', toolbox, TOOLBOX_ROUTES],
  ] as const) {
    it(`are what the SDK's own client sends, and nothing else: ${name}`, async () => {
      for (const route of routes) {
        const { method, path } = await sentBy(generated, route);
        expect({ operation: route.operation, method }).toEqual({ operation: route.operation, method: route.method });
        expect(routeOf<Route>(routes, method ?? '', path)?.route.operation).toBe(route.operation);
      }
    });
  }

  it('would not be taken for right with another method or path', async () => {
    const [route] = API_ROUTES;
    const { method, path } = await sentBy(api, route);
    expect(routeOf(API_ROUTES, 'PATCH', path)).toBeUndefined();
    expect(routeOf(API_ROUTES, method ?? '', `${path}/other`)).toBeUndefined();
    await expect(sentBy(api, { ...route, operation: 'inventedOperation' })).rejects.toThrow(/no operation/);
  });
});
