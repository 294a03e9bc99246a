/** The embedded Kubernetes API: a cluster's place on one machine, for kubectl, the operator and the gateway alike. */
import { timingSafeEqual } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ApiError, unauthorized } from './api-status.ts';
import { bootstrap } from './bootstrap.ts';
import { definitionKind } from './builtin/definition.ts';
import { coreEventKind, eventKind } from './builtin/event.ts';
import { leaseKind } from './builtin/lease.ts';
import { namespaceKind } from './builtin/namespace.ts';
import { secretKind } from './builtin/secret.ts';
import { readDefinition } from './crd.ts';
import { kubeconfig, loadCredentials, writePrivate } from './credentials.ts';
import { Discovery } from './discovery.ts';
import { GarbageCollector } from './garbage.ts';
import { Handler } from './handler.ts';
import type { ApiObject } from './json.ts';
import type { Kind } from './kind.ts';
import { Objects } from './objects.ts';
import { OpenApi } from './openapi.ts';
import { sendError } from './respond.ts';
import { reviewResources } from './reviews.ts';
import { ObjectStore } from './storage.ts';

export type EmbeddedApiOptions = {
  /** Folder of the database, the certificate and the token; made when missing, readable by the owner alone. */
  readonly stateDir: string;
  /** Paths of the CustomResourceDefinitions to serve, in YAML or (*.json) in JSON. */
  readonly crds: readonly string[];
  /** Name of the only user. */
  readonly user: string;
  /** Made when it is missing, and what kubectl uses when it is told no other; `default` when left out. */
  readonly namespace?: string;
  /** Loopback address to listen on; 127.0.0.1 when left out. */
  readonly host?: string;
  /** Port to listen on. When left out: the one used last in this folder if it is free, else any. */
  readonly port?: number;
  /** Where the kubeconfig is written; `kubeconfig` in the state folder when left out. */
  readonly kubeconfigPath?: string;
  /** By kind: completes an object before it is checked, as a mutating admission webhook would. `old` is absent on create. */
  readonly prepare?: Readonly<Record<string, (object: ApiObject, old: ApiObject | undefined) => void>>;
  readonly store?: {
    /** How many changes are kept for watches that continue. */
    readonly history?: number;
  };
  readonly now?: () => Date;
  /** Told about faults of the server itself, which clients see as InternalError. */
  readonly onError?: (error: unknown) => void;
};

export type EmbeddedApi = {
  /** https://127.0.0.1:port */
  readonly url: string;
  readonly caPem: string;
  readonly token: string;
  readonly kubeconfigPath: string;
  /** Ends watches and connections and closes the database. */
  close(): Promise<void>;
};

function prepared(kind: Kind, prepare: NonNullable<EmbeddedApiOptions['prepare']>[string] | undefined): Kind {
  return prepare ? { ...kind, prepare } : kind;
}

const loopback = new Set(['127.0.0.1', '::1', 'localhost']);
const closeGraceMs = 200;
const keepAliveMs = 120_000;

/**
 * Starts the API. Rejects with StoreInUseError when another process serves the folder, and with what is wrong about a
 * definition or an address.
 */
export async function startEmbeddedApi(options: EmbeddedApiOptions): Promise<EmbeddedApi> {
  const host = options.host ?? '127.0.0.1';
  if (!loopback.has(host)) throw new Error(`the embedded API listens on loopback only, not on ${host}; use 127.0.0.1 or ::1`);
  const now = options.now ?? (() => new Date());
  const namespace = options.namespace ?? 'default';
  mkdirSync(options.stateDir, { recursive: true, mode: 0o700 });
  const definitions = options.crds.map((path) => readDefinition(readFileSync(path, 'utf8'), path));
  const kinds = [
    namespaceKind,
    secretKind,
    coreEventKind,
    leaseKind,
    eventKind,
    definitionKind,
    ...definitions.map(({ kind }) => prepared(kind, options.prepare?.[kind.resource.kind])),
  ];

  await using parts = new AsyncDisposableStack();
  const store = parts.adopt(new ObjectStore(join(options.stateDir, 'objects.db'), options.store ?? {}), (each) => each.close());
  const objects = new Objects(store, now);
  bootstrap(store, objects, definitions, namespace, now());
  parts.adopt(new GarbageCollector(store, objects, kinds, now), (each) => each.close());

  const credentials = await loadCredentials(options.stateDir, now());
  const isToken = tokenCheck(credentials.token);
  const handler = new Handler({
    store,
    objects,
    kinds,
    reviews: reviewResources,
    discovery: new Discovery(kinds, reviewResources),
    openApi: new OpenApi(kinds),
    user: options.user,
    isToken,
    now,
  });
  const server = createServer(
    { cert: credentials.certificate, key: credentials.key, keepAliveTimeout: keepAliveMs },
    (request, response) => {
      void answer(handler, isToken, request, response, options.onError);
    },
  );
  const port = await listen(server, host, options.port, join(options.stateDir, 'port'));
  const running = parts.move();
  running.defer(() => closeServer(server));
  running.defer(() => handler.close());
  const url = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const kubeconfigPath = options.kubeconfigPath ?? join(options.stateDir, 'kubeconfig');
  writeKubeconfig(kubeconfigPath, kubeconfig(url, credentials, options.user, namespace));
  return { url, caPem: credentials.certificate, token: credentials.token, kubeconfigPath, close: () => running.disposeAsync() };
}

async function answer(
  handler: Handler,
  isToken: (text: string) => boolean,
  request: IncomingMessage,
  response: ServerResponse,
  onError: ((error: unknown) => void) | undefined,
): Promise<void> {
  try {
    const bearer = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const path = new URL(request.url ?? '/', 'https://localhost').pathname;
    if (!(bearer === undefined ? handler.isPublic(path) : isToken(bearer))) throw unauthorized();
    await handler.handle(request, response);
  } catch (error) {
    // Nobody is there to be answered, or an answer has already begun.
    if (response.destroyed || response.headersSent) {
      response.destroy();
      return;
    }
    if (!(error instanceof ApiError)) onError?.(error);
    // A body that was not read to its end would be taken for the next request.
    if (!request.complete) response.setHeader('Connection', 'close');
    sendError(response, error instanceof ApiError ? error : internalError());
  }
}

function internalError(): ApiError {
  return new ApiError(500, 'InternalError', 'Internal error occurred: the embedded API failed; its log says why');
}

/** Compares in constant time, so that nothing can be learned from how long a wrong token takes. */
function tokenCheck(token: string): (text: string) => boolean {
  const expected = Buffer.from(token);
  return (text) => {
    const given = Buffer.from(text);
    return given.length === expected.length && timingSafeEqual(given, expected);
  };
}

async function listen(server: Server, host: string, port: number | undefined, remembered: string): Promise<number> {
  const last = existsSync(remembered) ? Number(readFileSync(remembered, 'utf8')) : 0;
  const actual =
    port === undefined
      ? await listenOn(server, host, last).catch(() => listenOn(server, host, 0))
      : await listenOn(server, host, port);
  if (actual !== last) writePrivate(remembered, String(actual));
  return actual;
}

function listenOn(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve(addressOf(server).port);
    });
  });
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return address;
}

function writeKubeconfig(path: string, text: string): void {
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writePrivate(path, text);
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const impatient = setTimeout(() => server.closeAllConnections(), closeGraceMs);
  await closed;
  clearTimeout(impatient);
}
