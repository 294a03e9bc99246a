/**
 * The REST door. It holds no state and never acts on a sandbox: it writes what users want into AgentSession objects, and
 * shows the objects and the event log.
 */
import type { Server } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { Registry } from 'prom-client';
import type { BlobStore } from '../operator/engine/blob.ts';
import type { EventLog } from '../operator/engine/log.ts';
import type { KubeClient } from '../operator/kube/client.ts';
import { listen } from '../operator/listen.ts';
import { describeError, type Logger } from '../operator/logger.ts';
import { createServer } from '../operator/node-http.ts';
import { traceIdOf } from '../operator/trace.ts';
import { builtPage } from './built-page.ts';
import { Authenticator, type GatewayAuth } from './http/auth.ts';
import { readBody } from './http/body.ts';
import type { Caller } from './http/caller.ts';
import { Callers, type ConnectionCheck } from './http/callers.ts';
import { guard, isLoopbackName } from './http/guard.ts';
import { securityHeaders } from './http/headers.ts';
import { OpenStreams, type StreamLimits } from './http/open-streams.ts';
import { Problem, problemOf, sendProblem } from './http/problem.ts';
import { Proxies } from './http/proxies.ts';
import { type ProxyUserOptions, ProxyUsers } from './http/proxy-user.ts';
import { mount } from './http/routes.ts';
import type { About } from './me.ts';
import { GatewayMetrics } from './metrics.ts';
import { Pictures } from './picture.ts';
import { ProfileLists } from './profiles/profile-lists.ts';
import { profileRoutes } from './profiles/profile-routes.ts';
import { sessionSchema } from './schema/crd.ts';
import { serverRoutes } from './server-routes.ts';
import { SessionLists } from './session-list.ts';
import { requestFieldOf } from './session-request.ts';
import { sessionRoutes } from './session-routes.ts';
import { Sessions } from './sessions.ts';

export type GatewayDeps = {
  /** With the rights of this process: for what it needs itself, and for callers that have none of their own. */
  kube: KubeClient;
  log: EventLog;
  blobs: BlobStore;
  auth: GatewayAuth;
  /** Who asks for work, where callers do not say who they are: the user that the server runs as, say. */
  author: () => string;
  /** Namespace of all sessions. */
  namespace: string;
  /** Where metrics go, and whose content /metrics shows. */
  metrics: Registry;
  /** Milliseconds since 1970. */
  now: () => number;
  logger: Logger;
  /** Whether file URLs and plain paths are taken as repositories: only on the user's own machine. */
  allowLocalRepositories: boolean;
  /** Names under which the gateway is reached besides localhost, addresses and cluster names; `.example.com` allows all below it. */
  allowedHosts?: readonly string[];
  /** Asked about every connection where no token is asked for: commands of sessions may not approve what they do. */
  refusal?: ConnectionCheck;
  /** What callers are told of the installation. */
  about: About;
  /** Addresses and ranges of proxies in front that are believed about who sends a request, and over what. */
  trustedProxies?: readonly string[];
  /** How an authenticating proxy names users; not with callers of a cluster. */
  proxyUser?: ProxyUserOptions;
  /** How many event streams may be open. */
  streamLimits?: StreamLimits;
  /** Folder of the built web page; without one, or while nothing is built there, a text says how to begin. */
  page?: string;
};

export type Gateway = {
  /** For a server of one's own; only names of this machine are then taken as Host. */
  handler: Express;
  /**
   * Listens; port 0 takes a free one. Closing ends event streams and gives running requests a second.
   * @throws Error that says what to do when the port is in use or may not be used
   */
  listen(host: string, port: number): Promise<{ url: string; close(): Promise<void> }>;
};

/** How long running requests may go on when the gateway closes, in milliseconds. */
const CLOSE_GRACE_MS = 800;

export function createGateway(deps: GatewayDeps): Gateway {
  const { auth, log, logger, now } = deps;
  const sessions = new Sessions(deps.kube, deps.namespace, 'session');
  const metrics = new GatewayMetrics(deps.metrics);
  const everybody: Caller = {
    get author() {
      return deps.author();
    },
    rights: 'everybody',
    kube: deps.kube,
    demand: async () => undefined,
    may: async () => true,
  };
  const proxyUsers = deps.proxyUser && new ProxyUsers(deps.proxyUser);
  const authenticator = new Authenticator(auth, everybody, now, new Proxies(deps.trustedProxies ?? []), proxyUsers);
  const callerOf = (request: Request): Caller => authenticator.caller(request);
  // Who has the token needs no other proof.
  const callers = deps.refusal && auth.mode === 'none' ? new Callers(deps.refusal) : undefined;
  const closing = new AbortController();
  let loopback = true;

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.use(metrics.middleware, securityHeaders);
  if (callers) app.use(callers.guard);
  app.use(guard({ loopback: () => loopback, allowedHosts: deps.allowedHosts ?? [] }));

  if (deps.page !== undefined) app.use(builtPage(deps.page));

  const { namespace, about, allowLocalRepositories } = deps;
  const me = { auth: auth.mode, namespace, about, allowLocalRepositories };
  const server = serverRoutes({ auth: auth.mode, sessions, log, metrics, authenticator, me });
  mount(app, server.open);
  mount(app, server.login, readBody);
  mount(app, server.guarded, authenticator.require);
  const pictures = new Pictures(log);
  const streams = new OpenStreams(metrics, deps.streamLimits);
  const lists = new SessionLists(deps.kube, { namespace, logger, closing: closing.signal });
  for (const noun of ['session', 'task'] as const) {
    const own = new Sessions(deps.kube, deps.namespace, noun);
    const routes = sessionRoutes(noun, { ...deps, sessions: own, callerOf, pictures, lists, streams, closing: closing.signal });
    mount(app, routes, authenticator.require, readBody);
  }
  const profileLists = new ProfileLists({ namespace, logger, closing: closing.signal });
  const profiles = profileRoutes({ callerOf, namespace, now, lists: profileLists, streams, closing: closing.signal });
  mount(app, profiles, authenticator.require, readBody);
  app.use((request: Request) => {
    const detail = `There is no ${request.path.slice(0, 200)} here. GET /openapi.json lists what there is.`;
    throw new Problem(404, 'no-such-route', detail);
  });
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const problem = problemOf(error, requestFieldOf, auth.mode === 'kubernetes');
    if (problem.status >= 500) {
      const { method, path } = request;
      logger.error('a request failed', {
        method,
        path,
        trace: traceIdOf(request.get('traceparent')),
        error: describeError(error),
      });
    }
    if (response.headersSent) response.destroy();
    else sendProblem(response, problem);
  });

  return {
    handler: app,
    async listen(host, port) {
      loopback = isLoopbackName(host);
      const listener = createServer(app);
      if (callers) listener.on('connection', callers.connected);
      const url = await listen(listener, { host, port });
      // Readiness does not wait for the schema, and neither shall the first request.
      setImmediate(warmUp, logger);
      return {
        url,
        close: () => close(listener, closing, metrics),
      };
    },
  };
}

function warmUp(logger: Logger): void {
  try {
    sessionSchema();
  } catch (error) {
    logger.error('the schema of AgentSession cannot be read', { error: describeError(error) });
  }
}

async function close(server: Server, closing: AbortController, metrics: GatewayMetrics): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  closing.abort(new Error('the gateway is closing'));
  server.closeIdleConnections();
  const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await closed;
  clearTimeout(grace);
  metrics.close();
}
