/** The routes about the server itself. */
import type { EventLog } from '../operator/engine/log.ts';
import { sendFirstPage } from './first-page.ts';
import { readiness } from './health.ts';
import type { Authenticator, GatewayAuth } from './http/auth.ts';
import { bodyOf, only } from './http/body.ts';
import type { RouteTable } from './http/routes.ts';
import { type MeOptions, meOf } from './me.ts';
import type { GatewayMetrics } from './metrics.ts';
import { openApi } from './openapi/document.ts';
import type { Sessions } from './sessions.ts';

export type ServerDoor = {
  auth: GatewayAuth['mode'];
  sessions: Sessions;
  log: EventLog;
  metrics: GatewayMetrics;
  authenticator: Authenticator;
  me: MeOptions;
};

/** By who may use them: everybody; everybody, with a body; those who may use the rest. */
export function serverRoutes(door: ServerDoor): Record<'open' | 'login' | 'guarded', RouteTable> {
  return {
    open: {
      '/': { get: (request, response) => sendFirstPage(request, response, door.auth) },
      '/openapi.json': { get: (_request, response) => void response.json(openApi()) },
      '/healthz': { get: (_request, response) => void response.json({ status: 'ok' }) },
      '/readyz': {
        async get(_request, response) {
          const { ready, checks } = await readiness(door.sessions, door.log);
          response.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'not ready', checks });
        },
      },
    },
    login: {
      '/login': {
        async post(request, response) {
          const body = bodyOf(request);
          only(body, ['token']);
          await door.authenticator.login(body.token, request, response);
          response.status(204).end();
        },
      },
      '/logout': {
        async post(request, response) {
          await door.authenticator.logout(request, response);
          response.status(204).end();
        },
      },
    },
    guarded: {
      '/agent/me': {
        async get(request, response, signal) {
          response.json(await meOf(door.authenticator.caller(request), door.me, signal));
        },
      },
      '/metrics': {
        async get(request, response, signal) {
          await door.authenticator.caller(request).demand({ path: '/metrics' }, signal);
          const { type, body } = await door.metrics.text();
          response.set('Content-Type', type).send(body);
        },
      },
    },
  };
}
