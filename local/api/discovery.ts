/** What is served, in the two forms that clients ask for: aggregated (one document) and per group. */
import type { JsonObject } from './json.ts';
import { apiVersionOf, type Kind, listKindOf } from './kind.ts';

const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=';

/** Kinds that can only be created: questions about who one is and what one may. */
export type ReviewResource = { readonly group: string; readonly version: string; readonly plural: string; readonly kind: string };

export class Discovery {
  readonly #kinds: readonly Kind[];
  readonly #reviews: readonly ReviewResource[];

  constructor(kinds: readonly Kind[], reviews: readonly ReviewResource[]) {
    this.#kinds = kinds;
    this.#reviews = reviews;
  }

  /** Groups other than the core group, in the order in which kubectl lists them, each with its one version. */
  groups(): { group: string; version: string }[] {
    const all = [...this.#kinds.map((kind) => kind.resource), ...this.#reviews];
    const byGroup = new Map(all.filter(({ group }) => group !== '').map(({ group, version }) => [group, version]));
    return [...byGroup].map(([group, version]) => ({ group, version }));
  }

  /** GET /api */
  coreVersions(address: string): JsonObject {
    return {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
    };
  }

  /** GET /apis */
  groupList(): JsonObject {
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: this.groups().map(groupEntry) };
  }

  /** GET /apis/{group}; undefined when it is not served. */
  group(group: string): JsonObject | undefined {
    const found = this.groups().find((each) => each.group === group);
    return found && { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(found) };
  }

  /** GET /api/v1 and /apis/{group}/{version}; undefined when it is not served. */
  resourceList(group: string, version: string): JsonObject | undefined {
    const kinds = this.#kinds.filter(({ resource }) => resource.group === group && resource.version === version);
    const reviews = this.#reviews.filter((each) => each.group === group && each.version === version);
    if (!kinds.length && !reviews.length) return undefined;
    return {
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: group === '' ? version : `${group}/${version}`,
      resources: [...kinds.flatMap(resourceEntries), ...reviews.map(reviewEntry)],
    };
  }

  /** The aggregated document of /api (`core`) or /apis, in the wanted version of its format. */
  aggregated(core: boolean, format: 'v2' | 'v2beta1'): JsonObject {
    const groups = core ? [{ group: '', version: 'v1' }] : this.groups();
    return {
      kind: 'APIGroupDiscoveryList',
      apiVersion: `apidiscovery.k8s.io/${format}`,
      metadata: {},
      items: groups.map(({ group, version }) => ({
        metadata: group === '' ? {} : { name: group },
        versions: [{ version, resources: this.#aggregatedResources(group, version), freshness: 'Current' }],
      })),
    };
  }

  #aggregatedResources(group: string, version: string): JsonObject[] {
    const kinds = this.#kinds.filter(({ resource }) => resource.group === group && resource.version === version);
    const reviews = this.#reviews.filter((each) => each.group === group && each.version === version);
    return [
      ...kinds.map((kind) => {
        const { plural, kind: name, namespaced } = kind.resource;
        const responseKind = { group, version, kind: name };
        return {
          resource: plural,
          responseKind,
          scope: namespaced ? 'Namespaced' : 'Cluster',
          singularResource: kind.singular,
          verbs: kind.verbs,
          ...(kind.shortNames.length && { shortNames: kind.shortNames }),
          ...(kind.categories.length && { categories: kind.categories }),
          ...(kind.status && { subresources: [{ subresource: 'status', responseKind, verbs: statusVerbs }] }),
        };
      }),
      ...reviews.map(({ plural, kind }) => ({
        resource: plural,
        responseKind: { group, version, kind },
        scope: 'Cluster',
        singularResource: kind.toLowerCase(),
        verbs: ['create'],
      })),
    ];
  }
}

/** The version of the aggregated format that the client accepts first; undefined when it wants the plain documents. */
export function aggregatedFormat(accept: string | undefined): 'v2' | 'v2beta1' | undefined {
  for (const clause of (accept ?? '').split(',')) {
    const text = clause.replaceAll(' ', '');
    if (!text.includes('as=APIGroupDiscoveryList')) {
      if (text.startsWith('application/json') || text.startsWith('*/*')) return undefined;
      continue;
    }
    if (/;v=v2(;|$)/.test(text)) return 'v2';
    if (/;v=v2beta1(;|$)/.test(text)) return 'v2beta1';
  }
  return undefined;
}

export function aggregatedContentType(format: 'v2' | 'v2beta1'): string {
  return `${aggregatedType}${format};as=APIGroupDiscoveryList`;
}

const statusVerbs = ['get', 'patch', 'update'];

function groupEntry({ group, version }: { group: string; version: string }): JsonObject {
  const entry = { groupVersion: `${group}/${version}`, version };
  return { name: group, versions: [entry], preferredVersion: entry };
}

function resourceEntries(kind: Kind): JsonObject[] {
  const { plural, kind: name, namespaced } = kind.resource;
  const entry = {
    name: plural,
    singularName: kind.singular,
    namespaced,
    kind: name,
    verbs: kind.verbs,
    ...(kind.shortNames.length && { shortNames: kind.shortNames }),
    ...(kind.categories.length && { categories: kind.categories }),
  };
  return kind.status
    ? [entry, { name: `${plural}/status`, singularName: '', namespaced, kind: name, verbs: statusVerbs }]
    : [entry];
}

function reviewEntry({ plural, kind }: ReviewResource): JsonObject {
  return { name: plural, singularName: kind.toLowerCase(), namespaced: false, kind, verbs: ['create'] };
}

/** The list's outer fields. */
export function listEnvelope(kind: Kind, metadata: JsonObject, items: readonly unknown[]): JsonObject {
  return { apiVersion: apiVersionOf(kind.resource), kind: listKindOf(kind), metadata, items };
}
