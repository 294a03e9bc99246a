/**
 * A scripted API server: objects in memory, list in pages, watch with history and bookmarks, merge patch; and switches
 * for everything that goes wrong with a real one. It validates nothing.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { eventually } from './eventually.ts';

type Obj = { metadata: { name: string; namespace?: string; uid?: string; resourceVersion?: string }; [field: string]: unknown };
type Change = { rv: number; type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Obj; collection: string };
type Watcher = { collection: string; response: http.ServerResponse };
/** `unfinished`: the answer begins and never ends. */
type Canned = { code: number; headers?: Record<string, string>; body?: unknown; unfinished?: true };

export type SeenRequest = {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: http.IncomingHttpHeaders;
  body: unknown;
};

export class ScriptedKubeServer implements AsyncDisposable {
  /** Every request that arrived. */
  readonly requests: SeenRequest[] = [];
  /** Whether open watches are told of changes; connections stay open either way. */
  muted = false;
  /** Says for each request what it is answered with; `never` leaves it without an answer, undefined lets the server do its work. */
  script: ((request: SeenRequest) => Canned | 'never' | undefined) | undefined;
  readonly #tls: { key: string; cert: string } | undefined;
  readonly #objects = new Map<string, Obj>();
  readonly #watchers = new Set<Watcher>();
  readonly #sockets = new Set<Socket>();
  readonly #canned: Canned[] = [];
  #history: Change[] = [];
  #oldest = 0;
  #rv = 100;
  /** Connections that were made so far. */
  connections = 0;
  #server: http.Server | undefined;
  #port = 0;

  private constructor(tls: { key: string; cert: string } | undefined) {
    this.#tls = tls;
  }

  static async start(tls?: { key: string; cert: string }): Promise<ScriptedKubeServer> {
    const server = new ScriptedKubeServer(tls);
    await server.start();
    return server;
  }

  get url(): string {
    return `${this.#tls ? 'https' : 'http'}://127.0.0.1:${this.#port}`;
  }

  get openWatches(): number {
    return this.#watchers.size;
  }

  /** Starts listening, after a stop on the same port as before: who was given that meanwhile needs it for a moment only. */
  async start(): Promise<void> {
    const handle = (request: http.IncomingMessage, response: http.ServerResponse) => void this.#handle(request, response);
    const server = this.#tls ? https.createServer(this.#tls, handle) : http.createServer(handle);
    server.on('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await eventually('the port', async () => {
      server.listen(this.#port, '127.0.0.1');
      await once(server, 'listening');
      return true;
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Stops listening and breaks every connection; objects stay. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    this.breakConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#watchers.clear();
  }

  /** Ends open watches as a server does when their time is up. */
  endWatches(): void {
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  /** Forgets the history, so that watches from before are answered with 410. */
  forgetHistory(): void {
    this.#history = [];
    this.#oldest = ++this.#rv;
  }

  /** Sends a line to every open watch. */
  sendToWatches(line: unknown): void {
    for (const { response } of this.#watchers) response.write(`${JSON.stringify(line)}\n`);
  }

  /** What the next requests are answered with, one each. */
  answerNext(...canned: Canned[]): void {
    this.#canned.push(...canned);
  }

  /** The newest version of all. */
  get version(): number {
    return this.#rv;
  }

  /** Creates or changes an object of a collection such as /apis/sweagent.dev/v1alpha1/agentsessions. */
  put(collection: string, object: Obj): Obj {
    const key = keyIn(collection, object.metadata.namespace, object.metadata.name);
    const before = this.#objects.get(key);
    const stored = {
      ...object,
      metadata: {
        ...object.metadata,
        uid: before?.metadata.uid ?? object.metadata.uid ?? randomUUID(),
        resourceVersion: String(++this.#rv),
      },
    };
    this.#objects.set(key, stored);
    this.#announce({ rv: this.#rv, type: before ? 'MODIFIED' : 'ADDED', object: stored, collection });
    return stored;
  }

  remove(collection: string, namespace: string | undefined, name: string): void {
    const key = keyIn(collection, namespace, name);
    const object = this.#objects.get(key);
    if (!object) return;
    this.#objects.delete(key);
    const gone = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#rv) } };
    this.#announce({ rv: this.#rv, type: 'DELETED', object: gone, collection });
  }

  find(collection: string, namespace: string | undefined, name: string): Obj | undefined {
    return this.#objects.get(keyIn(collection, namespace, name));
  }

  all(collection: string): Obj[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${collection}|`)).map(([, object]) => object);
  }

  #announce(change: Change): void {
    this.#history.push(change);
    if (this.muted) return;
    for (const watcher of this.#watchers) {
      if (watcher.collection === change.collection) watcher.response.write(line(change));
    }
  }

  async #handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const seen = await read(request);
    this.requests.push(seen);
    const canned = this.script?.(seen) ?? this.#canned.shift();
    if (canned === 'never') return;
    if (canned) {
      response.writeHead(canned.code, { 'content-type': 'application/json', ...canned.headers });
      const text = typeof canned.body === 'string' ? canned.body : JSON.stringify(canned.body ?? {});
      if (canned.unfinished) response.write(text);
      else response.end(text);
      return;
    }
    const { collection, namespace, name } = target(seen.path);
    if (name !== undefined) this.#object(seen, response, collection, namespace, name);
    else if (seen.method === 'POST') answer(response, 201, this.put(collection, seen.body as Obj));
    else if (seen.query.get('watch') === 'true') this.#watch(seen, response, collection);
    else this.#list(seen, response, collection);
  }

  #object(
    seen: SeenRequest,
    response: http.ServerResponse,
    collection: string,
    namespace: string | undefined,
    name: string,
  ): void {
    const object = this.find(collection, namespace, name);
    if (!object) {
      answer(response, 404, failure(404, 'NotFound', `${name} not found`));
      return;
    }
    if (seen.method === 'DELETE') this.remove(collection, namespace, name);
    if (seen.method !== 'PATCH' && seen.method !== 'PUT') {
      answer(response, 200, object);
      return;
    }
    const body = seen.body as Obj;
    const wanted = body.metadata?.resourceVersion;
    if (wanted !== undefined && wanted !== object.metadata.resourceVersion) {
      answer(response, 409, failure(409, 'Conflict', 'the object has been modified'));
      return;
    }
    answer(response, 200, this.put(collection, seen.method === 'PUT' ? body : (mergePatch(object, body) as Obj)));
  }

  #list(seen: SeenRequest, response: http.ServerResponse, collection: string): void {
    const limit = Number(seen.query.get('limit') ?? 0) || Number.POSITIVE_INFINITY;
    const from = Number(seen.query.get('continue') ?? 0);
    const all = this.all(collection);
    const items = all.slice(from, from + limit);
    const next = from + limit < all.length ? { continue: String(from + limit) } : {};
    answer(response, 200, { kind: 'List', metadata: { resourceVersion: String(this.#rv), ...next }, items });
  }

  #watch(seen: SeenRequest, response: http.ServerResponse, collection: string): void {
    const after = Number(seen.query.get('resourceVersion'));
    if (after < this.#oldest) {
      answer(response, 410, failure(410, 'Expired', `too old resource version: ${after} (${this.#oldest})`));
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (!this.muted) {
      for (const change of this.#history) if (change.rv > after && change.collection === collection) response.write(line(change));
    }
    const watcher = { collection, response };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
  }
}

function line({ type, object }: Change): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function keyIn(collection: string, namespace: string | undefined, name: string): string {
  return `${collection}|${namespace ?? ''}/${name}`;
}

function target(path: string): { collection: string; namespace: string | undefined; name: string | undefined } {
  const match = /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/status)?$/.exec(path);
  return { collection: `${match?.[1]}/${match?.[3]}`, namespace: match?.[2], name: match?.[4] };
}

async function read(request: http.IncomingMessage): Promise<SeenRequest> {
  const url = new URL(request.url ?? '/', 'http://server');
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const body: unknown = text ? JSON.parse(text) : undefined;
  return { method: request.method ?? '', path: url.pathname, query: url.searchParams, headers: request.headers, body };
}

function answer(response: http.ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** A metav1.Status that says no. */
export function failure(code: number, reason: string, message: string, details?: object): object {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
    ...(details && { details }),
  };
}

/** Applies a JSON merge patch (RFC 7386), as its appendix says it. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  const out: Record<string, unknown> = base as Record<string, unknown>;
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else out[name] = mergePatch(out[name], value);
  }
  return out;
}
