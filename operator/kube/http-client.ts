/** The Kubernetes client over plain HTTP: resources to paths, answers to objects, watches to events. */
import type { KubeObject, Resource } from '../api/resources.ts';
import {
  type DeleteOptions,
  type KubeClient,
  KubeError,
  type KubeList,
  type ListOptions,
  type WatchEvent,
  type WatchOptions,
} from './client.ts';
import {
  HttpTransport,
  type KubeEndpoint,
  type KubeRequest,
  KubeUnreachableError,
  type RequestSeen,
  type TransportTimes,
} from './http-transport.ts';
import { watchLines } from './http-watch.ts';
import { isRecord, kubeErrorOfStatus } from './status-error.ts';

export type HttpKubeClientOptions = Partial<TransportTimes> & {
  /** Names the caller in the server's audit log and in managedFields. */
  userAgent?: string;
  /** After how long the server is asked to end a watch, in seconds. */
  watchTimeoutSeconds?: number;
  /** How long a watch may say nothing, bookmarks included, before it counts as dead, in milliseconds. Servers send bookmarks about every minute. */
  watchIdleMs?: number;
  /** Hears of every request, for metrics. Must not throw. */
  onRequest?: (seen: RequestSeen) => void;
};

/** What is added to the server's own end of a watch before the client ends it, in milliseconds. */
const WATCH_END_SLACK_MS = 15_000;

export class HttpKubeClient implements KubeClient {
  readonly #transport: HttpTransport;
  readonly #headers: Record<string, string>;
  readonly #watchTimeoutSeconds: number;
  readonly #watchIdleMs: number;

  /** @param shared another client's transport and the headers that differ; see withToken */
  constructor(
    endpoint: KubeEndpoint,
    options: HttpKubeClientOptions = {},
    shared?: { transport: HttpTransport; headers: Record<string, string> },
  ) {
    const times = {
      requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
      tries: options.tries ?? 4,
      retryBackoff: options.retryBackoff ?? { baseMs: 100, maxMs: 5_000 },
    };
    this.#transport =
      shared?.transport ?? new HttpTransport(endpoint, times, options.userAgent ?? 'swe-agent', options.onRequest);
    this.#headers = shared?.headers ?? {};
    this.#watchTimeoutSeconds = options.watchTimeoutSeconds ?? 290;
    this.#watchIdleMs = options.watchIdleMs ?? 150_000;
  }

  /** A client for the same server over the same connections, acting with another bearer token. */
  withToken(token: string): KubeClient {
    return new HttpKubeClient(
      this.#transport.endpoint,
      { watchTimeoutSeconds: this.#watchTimeoutSeconds, watchIdleMs: this.#watchIdleMs },
      { transport: this.#transport, headers: { authorization: `Bearer ${token}` } },
    );
  }

  async get<T extends KubeObject>(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.#object<T>(resource, { method: 'GET', path: objectPath(resource, namespace, name) }, signal);
  }

  async list<T extends KubeObject>(resource: Resource, options: ListOptions = {}, signal?: AbortSignal): Promise<KubeList<T>> {
    const path = `${collectionPath(resource, options.namespace)}${queryOf(options)}`;
    const answer = await this.#transport.send({ method: 'GET', path }, this.#headers, signal);
    const list = isRecord(answer) && Array.isArray(answer.items) && isRecord(answer.metadata) ? answer : undefined;
    const metadata = list && isRecord(list.metadata) ? list.metadata : {};
    if (!list || !Array.isArray(list.items) || typeof metadata.resourceVersion !== 'string') throw notOfTheApi(path);
    return {
      items: list.items.map((item) => asObject<T>(resource, item, path)),
      resourceVersion: metadata.resourceVersion,
      ...(typeof metadata.continue === 'string' && metadata.continue !== '' && { continue: metadata.continue }),
    };
  }

  async create<T extends KubeObject>(resource: Resource, object: T, signal?: AbortSignal): Promise<T> {
    const path = collectionPath(resource, namespaceOf(resource, object));
    return this.#object<T>(resource, { method: 'POST', path, body: json('application/json', object) }, signal);
  }

  async replace<T extends KubeObject>(resource: Resource, object: T, subresource?: 'status', signal?: AbortSignal): Promise<T> {
    const path = objectPath(resource, namespaceOf(resource, object), object.metadata.name, subresource);
    return this.#object<T>(resource, { method: 'PUT', path, body: json('application/json', object), repeatable: true }, signal);
  }

  async mergePatch<T extends KubeObject>(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    patch: unknown,
    subresource?: 'status',
    signal?: AbortSignal,
  ): Promise<T> {
    const path = objectPath(resource, namespace, name, subresource);
    return this.#object<T>(
      resource,
      { method: 'PATCH', path, body: json('application/merge-patch+json', patch), repeatable: true },
      signal,
    );
  }

  async jsonPatch<T extends KubeObject>(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    patch: readonly { op: string; path: string; value?: unknown }[],
    subresource?: 'status',
    signal?: AbortSignal,
  ): Promise<T> {
    const path = objectPath(resource, namespace, name, subresource);
    return this.#object<T>(resource, { method: 'PATCH', path, body: json('application/json-patch+json', patch) }, signal);
  }

  async delete(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
    signal?: AbortSignal,
  ): Promise<void> {
    const body = json('application/json', { apiVersion: 'v1', kind: 'DeleteOptions', ...options });
    const path = objectPath(resource, namespace, name);
    await this.#transport.send({ method: 'DELETE', path, body, repeatable: true }, this.#headers, signal);
  }

  async *watch<T extends KubeObject>(
    resource: Resource,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    const { onOpen, resourceVersion, ...selection } = options;
    const query = queryOf(selection, {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion,
      timeoutSeconds: String(this.#watchTimeoutSeconds),
    });
    const path = `${collectionPath(resource, options.namespace)}${query}`;
    const response = await this.#transport.stream(path, this.#headers, signal);
    onOpen?.();
    const limits = { idleMs: this.#watchIdleMs, totalMs: this.#watchTimeoutSeconds * 1000 + WATCH_END_SLACK_MS };
    for await (const line of watchLines(response, limits, [this.#transport.endpoint.signal, signal])) {
      yield asEvent<T>(resource, line, path);
    }
  }

  async #object<T extends KubeObject>(resource: Resource, request: KubeRequest, signal: AbortSignal | undefined): Promise<T> {
    return asObject<T>(resource, await this.#transport.send(request, this.#headers, signal), request.path);
  }
}

function json(type: string, value: unknown): { type: string; text: string } {
  return { type, text: JSON.stringify(value) };
}

function collectionPath(resource: Resource, namespace: string | undefined): string {
  const group = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const within = resource.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${group}${within}/${resource.plural}`;
}

function objectPath(resource: Resource, namespace: string | undefined, name: string, subresource?: string): string {
  if (name === '' || (resource.namespaced && !namespace)) {
    throw new KubeError(400, 'BadRequest', `a ${resource.kind} is named by namespace and name, not "${namespace ?? ''}/${name}"`);
  }
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}${subresource ? `/${subresource}` : ''}`;
}

function namespaceOf(resource: Resource, object: KubeObject): string | undefined {
  if (!resource.namespaced || object.metadata.namespace) return object.metadata.namespace;
  throw new KubeError(400, 'BadRequest', `${resource.kind} ${object.metadata.name}: metadata.namespace is missing`);
}

function queryOf(options: ListOptions, more: Record<string, string> = {}): string {
  const query = new URLSearchParams(more);
  if (options.labelSelector) query.set('labelSelector', options.labelSelector);
  if (options.fieldSelector) query.set('fieldSelector', options.fieldSelector);
  if (options.limit) query.set('limit', String(options.limit));
  if (options.continue) query.set('continue', options.continue);
  return query.size > 0 ? `?${query}` : '';
}

/**
 * An object as the server sent it. What is inside was validated by the server against the kind's schema; here it is
 * only made sure that it is an object of the kind. Items of a list of a built-in kind do not name it.
 */
function asObject<T extends KubeObject>(resource: Resource, value: unknown, path: string): T {
  const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
  const object = isRecord(value) ? { apiVersion, kind: resource.kind, ...value } : undefined;
  if (!isOfKind<T>(resource, object)) throw notOfTheApi(path);
  return object;
}

function isOfKind<T extends KubeObject>(resource: Resource, value: unknown): value is T {
  return isRecord(value) && value.kind === resource.kind && isRecord(value.metadata);
}

function asEvent<T extends KubeObject>(resource: Resource, line: unknown, path: string): WatchEvent<T> {
  const event = isRecord(line) ? line : {};
  if (event.type === 'ERROR') {
    throw (
      kubeErrorOfStatus(event.object, 500) ??
      new KubeError(500, 'InternalError', 'the watch ended with an error that has no status')
    );
  }
  if (event.type === 'BOOKMARK') {
    const metadata = isRecord(event.object) && isRecord(event.object.metadata) ? event.object.metadata : {};
    if (typeof metadata.resourceVersion !== 'string') throw notOfTheApi(path);
    return { type: 'BOOKMARK', resourceVersion: metadata.resourceVersion };
  }
  if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') throw notOfTheApi(path);
  return { type: event.type, object: asObject<T>(resource, event.object, path) };
}

function notOfTheApi(path: string): KubeUnreachableError {
  const message = `${path.split('?', 1)[0]}: the answer is not what a Kubernetes API gives`;
  return new KubeUnreachableError('connection', message, { sent: true });
}
