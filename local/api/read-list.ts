/** Reads what a list asks for, as it was at one revision, in pieces between which other requests have their turn. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expired } from './api-status.ts';
import { type ApiObject, parseStored } from './json.ts';
import type { Kind } from './kind.ts';
import { type ListPage, type ListQuery, nameAfter, pageOf, revisionToRead, tokenAfter } from './list-options.ts';
import { served } from './objects.ts';
import type { ObjectStore } from './storage.ts';

/** Objects that are looked through before other work gets its turn. */
const TURN = 100;

/** @throws ApiError when the revision that the query names is no longer known */
export async function readList(
  store: ObjectStore,
  kind: Kind,
  namespace: string | undefined,
  query: ListQuery,
): Promise<ListPage & { revision: number }> {
  const at = revisionToRead(query, store.revision, store.compacted);
  const revision = at ?? store.revision;
  const page =
    namespace !== undefined && query.limit > 0
      ? await storedPage(store, kind, namespace, query, revision)
      : pageOf(await matching(store, kind, namespace, query, at), query, revision);
  return { ...page, revision };
}

/** What a query selects, of the moment in which it is asked for. */
async function matching(
  store: ObjectStore,
  kind: Kind,
  namespace: string | undefined,
  { matches }: ListQuery,
  at: number | undefined,
): Promise<ApiObject[]> {
  if (at !== undefined)
    return store
      .listAt(at, kind.bucket, namespace)
      .map((object) => served(kind, object))
      .filter(matches);
  const found: ApiObject[] = [];
  for (const [index, text] of store.texts(kind.bucket, namespace).entries()) {
    if (index % TURN === TURN - 1) await nextTurn();
    const object = served(kind, parseStored(text));
    if (matches(object)) found.push(object);
  }
  return found;
}

/** The same as `pageOf` all that match, read no further than the page goes. */
async function storedPage(
  store: ObjectStore,
  kind: Kind,
  namespace: string,
  query: ListQuery,
  revision: number,
): Promise<ListPage> {
  const { limit, matches, selects } = query;
  const items: ApiObject[] = [];
  for (let after = nameAfter(query.continueFrom?.after, namespace); ; await nextTurn()) {
    if (revision < store.compacted) throw expired('The revision of this list is no longer known. Start the list over.');
    const { objects, remaining } = store.page(kind.bucket, namespace, { after, limit: selects ? TURN : limit, revision });
    items.push(...objects.map((object) => served(kind, object)).filter(matches));
    after = objects.at(-1)?.metadata.name ?? after;
    // One more than fits says that there is more; without a selection that was counted.
    const more = selects ? items.length > limit : remaining > 0;
    if (!more && selects && remaining > 0) continue;
    const last = items[limit - 1];
    if (!more || !last) return { items, token: undefined, remaining: undefined };
    return { items: items.slice(0, limit), token: tokenAfter(last, revision), remaining: selects ? undefined : remaining };
  }
}
