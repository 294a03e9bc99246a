/** The query of a list or watch, read and checked. */
import { badRequest, expired, futureRevision, invalidObject } from './api-status.ts';
import { type FieldError, forbidden, notSupported } from './field-error.ts';
import { type ApiObject, isObject } from './json.ts';
import { type Kind, selectableField } from './kind.ts';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';

export type ListQuery = {
  readonly matches: (object: ApiObject) => boolean;
  readonly selects: boolean;
  readonly limit: number;
  readonly continueFrom: { readonly revision: number; readonly after: string } | undefined;
  readonly resourceVersion: number | undefined;
  readonly exact: boolean;
  readonly sendInitialEvents: boolean;
  readonly bookmarks: boolean;
  readonly timeoutMs: number | undefined;
};

const metaResource = (kind: string) => ({ group: 'meta.k8s.io', version: 'v1', plural: '', kind, namespaced: false });

/** `name` narrows to one object, as `kubectl get -w NAME` does through a field selector. */
export function readListQuery(kind: Kind, query: URLSearchParams): ListQuery {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '');
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '', (path) => selectableField(kind, path) !== undefined);
  const match = query.get('resourceVersionMatch') ?? '';
  const version = query.get('resourceVersion') ?? '';
  const initial = flag(query.get('sendInitialEvents'));
  requireSoundVersion(version, match, initial, flag(query.get('watch')));
  const timeout = query.get('timeoutSeconds');
  const token = query.get('continue');
  return {
    matches: (object) => labels(object.metadata.labels ?? {}) && fields((path) => selectableField(kind, path)?.(object) ?? ''),
    selects: Boolean(query.get('labelSelector') || query.get('fieldSelector')),
    limit: integer('limit', query.get('limit')) ?? 0,
    continueFrom: token ? readToken(token) : undefined,
    resourceVersion: version === '' ? undefined : versionOf(version),
    exact: match === 'Exact',
    sendInitialEvents: initial,
    bookmarks: flag(query.get('allowWatchBookmarks')),
    timeoutMs: timeout === null ? undefined : (integer('timeoutSeconds', timeout) ?? 0) * 1000,
  };
}

/** `remaining`: objects that are on later pages. */
export type ListPage = { items: readonly ApiObject[]; token: string | undefined; remaining: number | undefined };

/** The page of `objects` that the query asks for, and the token for the next. */
export function pageOf(objects: readonly ApiObject[], query: ListQuery, revision: number): ListPage {
  const after = query.continueFrom?.after;
  const rest = after === undefined ? objects : objects.filter((object) => positionOf(object) > after);
  if (query.limit <= 0 || rest.length <= query.limit) return { items: rest, token: undefined, remaining: undefined };
  const items = rest.slice(0, query.limit);
  const last = items.at(-1);
  const token = last && tokenAfter(last, revision);
  return { items, token, remaining: query.selects ? undefined : rest.length - items.length };
}

/** What a list goes on with after an object. */
export function tokenAfter(last: ApiObject, revision: number): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: positionOf(last) })).toString('base64url');
}

/** The name after which the page of a namespace begins. A token may be of a list of all namespaces. */
export function nameAfter(position: string | undefined, namespace: string): string {
  const begin = `${namespace}/`;
  if (position === undefined || position < begin) return '';
  // Beyond every name.
  return position.startsWith(begin) ? position.slice(begin.length) : '\uffff';
}

/** The revision that the list is read at; undefined for the current one. */
export function revisionToRead(query: ListQuery, current: number, compacted: number): number | undefined {
  const asked = query.continueFrom?.revision ?? query.resourceVersion;
  if (asked !== undefined && asked > current) throw futureRevision(asked, current);
  if (query.continueFrom) {
    if (query.continueFrom.revision < compacted) {
      throw expired('The provided continue parameter is too old to display a consistent list result. Start the list over.');
    }
    return query.continueFrom.revision;
  }
  if (!query.exact || query.resourceVersion === undefined) return undefined;
  if (query.resourceVersion < compacted) throw expired(`The resourceVersion for the provided list is too old.`);
  return query.resourceVersion;
}

export function flag(value: string | null): boolean {
  return value === 'true' || value === '1' || value === 't' || value === 'T' || value === 'TRUE' || value === 'True';
}

function positionOf(object: ApiObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function versionOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) {
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`,
    );
  }
  return Number(text);
}

function integer(name: string, text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (!/^\d{1,9}$/.test(text)) throw badRequest(`${name}: strconv.ParseInt: parsing "${text}": invalid syntax`);
  return Number(text);
}

function requireSoundVersion(version: string, match: string, initial: boolean, watch: boolean): void {
  const errors: FieldError[] = [];
  const field = 'resourceVersionMatch';
  if (match !== '' && match !== 'Exact' && match !== 'NotOlderThan')
    errors.push(notSupported(field, match, ['Exact', 'NotOlderThan', '']));
  if (watch && initial && match !== 'NotOlderThan') {
    errors.push(forbidden(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  } else if (watch && !initial && match !== '') {
    errors.push(forbidden(field, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
  } else if (!watch && match !== '' && version === '') {
    errors.push(forbidden(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
  } else if (!watch && match === 'Exact' && version === '0') {
    errors.push(forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (errors.length) throw invalidObject(metaResource('ListOptions'), '', errors);
}

function readToken(token: string): { revision: number; after: string } {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (isObject(value) && typeof value.rv === 'number' && typeof value.start === 'string')
      return { revision: value.rv, after: value.start };
  } catch {
    // Said below: whatever is no token of ours is refused in one way.
  }
  throw badRequest('invalid continue token: continue key is not valid');
}
