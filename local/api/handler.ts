/** Answers one authenticated request. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { invalidObject, methodNotAllowed, notServed } from './api-status.ts';
import { type Discovery, listEnvelope, type ReviewResource } from './discovery.ts';
import { sendDocument } from './documents.ts';
import { type ApiObject, isApiObject, type JsonObject } from './json.ts';
import { apiVersionOf, type Kind, type Verb } from './kind.ts';
import { flag, type ListQuery, readListQuery } from './list-options.ts';
import { contentTypeOf, type Form, negotiate } from './negotiate.ts';
import { type DeleteOptions, type Objects, served, type Written } from './objects.ts';
import type { OpenApi } from './openapi.ts';
import { patchOf } from './patch-request.ts';
import { readList } from './read-list.ts';
import { decodeBody, type Expected, readBody } from './request-body.ts';
import { type Exchange, send } from './respond.ts';
import { answerReview, expectedReview } from './reviews.ts';
import { type Route, routeOf } from './routes.ts';
import type { ObjectStore } from './storage.ts';
import { type IncludeObject, partial, tableOf } from './table.ts';
import { WatchStream } from './watch.ts';
import { readDeleteOptions, readWriteOptions } from './write-options.ts';

export type HandlerParts = {
  readonly store: ObjectStore;
  readonly objects: Objects;
  readonly kinds: readonly Kind[];
  readonly reviews: readonly ReviewResource[];
  readonly discovery: Discovery;
  readonly openApi: OpenApi;
  readonly user: string;
  readonly isToken: (text: string) => boolean;
  readonly now: () => Date;
};

const defaultWatchMs = 30 * 60 * 1000;

export class Handler {
  readonly #parts: HandlerParts;
  readonly #watches = new Set<WatchStream>();

  constructor(parts: HandlerParts) {
    this.#parts = parts;
  }

  /** Paths that tell nothing about objects and are answered without a token, as kube-apiserver does. */
  isPublic(path: string): boolean {
    const route = routeOf(path, [], []);
    return route?.to === 'health' || route?.to === 'build';
  }

  /** Throws ApiError for what is refused. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://localhost');
    const route = routeOf(url.pathname, this.#parts.kinds, this.#parts.reviews);
    if (!route) throw notServed();
    const exchange: Exchange = { request, response, query: url.searchParams, method: request.method ?? 'GET' };
    if (route.to === 'collection') await this.#collection(exchange, route.kind, route.namespace);
    else if (route.to === 'object') await this.#object(exchange, route);
    else if (route.to === 'review') await this.#review(exchange, route.review);
    else await sendDocument(exchange, route, this.#parts.discovery, this.#parts.openApi);
  }

  /** Ends all watches. */
  close(): void {
    for (const watch of this.#watches) watch.end();
  }

  async #collection(exchange: Exchange, kind: Kind, namespace: string | undefined): Promise<void> {
    const { method, query } = exchange;
    if (method === 'GET' || method === 'HEAD') {
      checkVerb(kind, flag(query.get('watch')) ? 'watch' : 'list');
      const options = readListQuery(kind, query);
      if (flag(query.get('watch'))) this.#watch(exchange, kind, namespace, options);
      else await this.#list(exchange, kind, namespace, options);
      return;
    }
    const { namespaced } = kind.resource;
    if (method === 'POST') {
      checkVerb(kind, 'create');
      if (namespaced && namespace === undefined) throw methodNotAllowed();
      const body = await decodeBody(await readBody(exchange.request), expectedOf(kind));
      const options = { ...readWriteOptions(query, 'CreateOptions'), duplicates: body.duplicates };
      await this.#sendWritten(exchange, kind, this.#parts.objects.create(kind, namespace, body.value, options));
    } else if (method === 'DELETE') {
      checkVerb(kind, 'deletecollection');
      if (namespaced && namespace === undefined) throw methodNotAllowed();
      await this.#deleteCollection(exchange, kind, namespace);
    } else throw methodNotAllowed();
  }

  async #object(exchange: Exchange, route: Extract<Route, { to: 'object' }>): Promise<void> {
    const { kind, namespace, name } = route;
    const { method, query } = exchange;
    const location = { kind, namespace, name };
    const subresource = route.status ? 'status' : undefined;
    const { objects } = this.#parts;
    if (method === 'GET' || method === 'HEAD') {
      checkVerb(kind, 'get');
      await this.#sendObject(exchange, kind, objects.get(location));
    } else if (method === 'PUT') {
      checkVerb(kind, 'update');
      const body = await decodeBody(await readBody(exchange.request), expectedOf(kind));
      const options = { ...readWriteOptions(query, 'UpdateOptions'), duplicates: body.duplicates };
      await this.#sendWritten(
        exchange,
        kind,
        objects.update(location, subresource, () => body.value, options),
      );
    } else if (method === 'PATCH') {
      checkVerb(kind, 'patch');
      const body = await readBody(exchange.request);
      const { change, duplicates } = patchOf(kind, body);
      const options = { ...readWriteOptions(query, 'PatchOptions'), duplicates, patched: true };
      await this.#sendWritten(exchange, kind, objects.update(location, subresource, change, options));
    } else if (method === 'DELETE' && !route.status) {
      checkVerb(kind, 'delete');
      const result = objects.delete(location, await this.#deleteOptions(exchange));
      if (isApiObject(result) && result.kind !== 'Status') await this.#sendObject(exchange, kind, result);
      else await send(exchange, 200, result);
    } else throw methodNotAllowed();
  }

  async #list(exchange: Exchange, kind: Kind, namespace: string | undefined, options: ListQuery): Promise<void> {
    const { items, token, remaining, revision } = await readList(this.#parts.store, kind, namespace, options);
    const metadata = {
      resourceVersion: String(revision),
      ...(token && { continue: token }),
      ...(remaining !== undefined && { remainingItemCount: remaining }),
    };
    const form = negotiate(exchange.request.headers.accept);
    if (form.as === 'Table') await send(exchange, 200, this.#table(exchange, kind, items, metadata, form.version), form);
    else if (form.as === 'PartialObjectMetadata') {
      const apiVersion = `meta.k8s.io/${form.version}`;
      const list = {
        kind: 'PartialObjectMetadataList',
        apiVersion,
        metadata,
        items: items.map((each) => partial(each, form.version)),
      };
      await send(exchange, 200, list, form);
    } else await send(exchange, 200, listEnvelope(kind, metadata, items), form);
  }

  #watch(exchange: Exchange, kind: Kind, namespace: string | undefined, options: ListQuery): void {
    const { store } = this.#parts;
    const { response } = exchange;
    const form = negotiate(exchange.request.headers.accept);
    const { resourceVersion } = options;
    const fresh = resourceVersion === undefined || resourceVersion === 0 || options.sendInitialEvents;
    let headers = true;
    const render = (object: ApiObject): JsonObject => {
      if (form.as === 'PartialObjectMetadata') return partial(object, form.version);
      if (form.as !== 'Table') return object;
      const metadata = { resourceVersion: object.metadata.resourceVersion };
      const table = this.#table(exchange, kind, [object], metadata, form.version, headers);
      headers = false;
      return table;
    };
    response.writeHead(200, { 'Content-Type': contentTypeOf(form), 'Cache-Control': 'no-cache, private' });
    response.flushHeaders();
    const inScope = (object: ApiObject) => namespace === undefined || object.metadata.namespace === namespace;
    const source = {
      revision: () => store.revision,
      compacted: store.compacted,
      list: () => store.list(kind.bucket, namespace),
      changesSince: (revision: number) => store.changesSince(revision, kind.bucket),
      subscribe: (listener: Parameters<ObjectStore['subscribe']>[0]) =>
        store.subscribe((change) => {
          if (change.bucket === kind.bucket) listener(change);
        }),
    };
    const watch = new WatchStream(
      response,
      source,
      {
        since: fresh ? undefined : resourceVersion,
        bookmarks: options.bookmarks,
        markInitial: options.sendInitialEvents && options.bookmarks,
        timeoutMs: options.timeoutMs || defaultWatchMs * (1 + Math.random()),
        view: (object) => served(kind, object),
        matches: (object) => inScope(object) && options.matches(object),
        render,
        bookmark: (revision, annotations) => bookmarkOf(kind, form, revision, annotations),
      },
      (ended) => this.#watches.delete(ended),
    );
    this.#watches.add(watch);
  }

  async #deleteCollection(exchange: Exchange, kind: Kind, namespace: string | undefined): Promise<void> {
    const { store, objects } = this.#parts;
    const query = readListQuery(kind, exchange.query);
    const options = await this.#deleteOptions(exchange);
    const matching = store
      .list(kind.bucket, namespace)
      .map((object) => served(kind, object))
      .filter(query.matches);
    for (const { metadata } of matching) {
      objects.delete({ kind, namespace: metadata.namespace, name: metadata.name }, options);
    }
    await send(exchange, 200, listEnvelope(kind, { resourceVersion: String(store.revision) }, matching));
  }

  async #deleteOptions({ request, query }: Exchange): Promise<DeleteOptions> {
    const body = await readBody(request);
    return readDeleteOptions(
      query,
      body.bytes.length === 0 ? undefined : (await decodeBody(body, { kind: 'DeleteOptions' })).value,
    );
  }

  async #review(exchange: Exchange, review: ReviewResource): Promise<void> {
    if (exchange.method !== 'POST') throw methodNotAllowed();
    const { value } = await decodeBody(await readBody(exchange.request), expectedReview(review));
    await send(exchange, 201, answerReview(review, value, this.#parts.user, this.#parts.isToken));
  }

  #table(
    exchange: Exchange,
    kind: Kind,
    items: readonly ApiObject[],
    metadata: JsonObject,
    tableVersion: string,
    headers = true,
  ): JsonObject {
    const include = includeOf(exchange.query.get('includeObject'));
    return tableOf(kind, items, metadata, { include, version: tableVersion, now: this.#parts.now().getTime(), headers });
  }

  async #sendWritten(exchange: Exchange, kind: Kind, { object, created, warnings }: Written): Promise<void> {
    if (warnings.length)
      exchange.response.setHeader(
        'Warning',
        warnings.map((text) => `299 - ${JSON.stringify(text)}`),
      );
    await this.#sendObject(exchange, kind, object, created ? 201 : 200);
  }

  async #sendObject(exchange: Exchange, kind: Kind, object: ApiObject, code = 200): Promise<void> {
    const form = negotiate(exchange.request.headers.accept);
    const metadata = { resourceVersion: object.metadata.resourceVersion };
    if (form.as === 'Table') await send(exchange, code, this.#table(exchange, kind, [object], metadata, form.version), form);
    else if (form.as === 'PartialObjectMetadata') await send(exchange, code, partial(object, form.version), form);
    else await send(exchange, code, object, form);
  }
}

/** The body of an object of the kind. */
function expectedOf(kind: Kind): Expected {
  return { kind: kind.resource.kind, ...(kind.protobuf && { protobuf: kind.protobuf }) };
}

function checkVerb(kind: Kind, verb: Verb): void {
  if (!kind.verbs.includes(verb)) throw methodNotAllowed();
}

function includeOf(text: string | null): IncludeObject {
  if (text === null || text === '' || text === 'Metadata') return 'Metadata';
  if (text === 'Object' || text === 'None') return text;
  throw invalidObject({ group: 'meta.k8s.io', version: 'v1', plural: '', kind: 'TableOptions', namespaced: false }, '', [
    { type: 'invalid', field: 'includeObject', value: text, detail: "must be 'Metadata', 'Object', 'None', or empty" },
  ]);
}

function bookmarkOf(kind: Kind, form: Form, revision: number, annotations?: Record<string, string>): JsonObject {
  const metadata = { resourceVersion: String(revision), ...(annotations && { annotations }) };
  if (form.as === 'Table') {
    return { kind: 'Table', apiVersion: `meta.k8s.io/${form.version}`, metadata, columnDefinitions: null, rows: [] };
  }
  if (form.as === 'PartialObjectMetadata') return { kind: form.as, apiVersion: `meta.k8s.io/${form.version}`, metadata };
  return { kind: kind.resource.kind, apiVersion: apiVersionOf(kind.resource), metadata };
}
