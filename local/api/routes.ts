/** From a URL's path to what it names. */
import type { ReviewResource } from './discovery.ts';
import type { Kind } from './kind.ts';

export type Route =
  | { readonly to: 'collection'; readonly kind: Kind; readonly namespace: string | undefined }
  | {
      readonly to: 'object';
      readonly kind: Kind;
      readonly namespace: string | undefined;
      readonly name: string;
      readonly status: boolean;
    }
  | { readonly to: 'review'; readonly review: ReviewResource }
  | { readonly to: 'api'; readonly core: boolean }
  | { readonly to: 'group'; readonly group: string }
  | { readonly to: 'version'; readonly group: string; readonly version: string }
  | { readonly to: 'openapi'; readonly document: string }
  | { readonly to: 'health' | 'build' | 'openapi-v2' };

/** Undefined when there is nothing at the path. */
export function routeOf(path: string, kinds: readonly Kind[], reviews: readonly ReviewResource[]): Route | undefined {
  const segments = path
    .split('/')
    .filter((segment) => segment !== '')
    .map(decoded);
  const [first, second] = segments;
  switch (first) {
    case 'healthz':
    case 'readyz':
    case 'livez':
      return segments.length <= 2 ? { to: 'health' } : undefined;
    case 'version':
      return segments.length === 1 ? { to: 'build' } : undefined;
    case 'openapi':
      if (second === 'v2' && segments.length === 2) return { to: 'openapi-v2' };
      return second === 'v3' ? { to: 'openapi', document: segments.slice(2).join('/') } : undefined;
    case 'api':
      if (second === undefined) return { to: 'api', core: true };
      return second === 'v1' ? resourceRoute('', 'v1', segments.slice(2), kinds, reviews) : undefined;
    case 'apis': {
      const version = segments[2];
      if (second === undefined) return { to: 'api', core: false };
      return version === undefined
        ? { to: 'group', group: second }
        : resourceRoute(second, version, segments.slice(3), kinds, reviews);
    }
    default:
      return undefined;
  }
}

function resourceRoute(
  group: string,
  version: string,
  segments: readonly string[],
  kinds: readonly Kind[],
  reviews: readonly ReviewResource[],
): Route | undefined {
  if (segments.length === 0) return { to: 'version', group, version };
  const find = (plural: string | undefined) =>
    kinds.find(({ resource }) => resource.group === group && resource.version === version && resource.plural === plural);
  // Below a namespace there is either what lives in it, or the namespace's own status.
  const inside = segments[0] === 'namespaces' && segments.length >= 3 ? find(segments[2]) : undefined;
  const namespace = inside?.resource.namespaced ? segments[1] : undefined;
  const [plural, name, subresource, ...more] = namespace === undefined ? segments : segments.slice(2);
  const kind = namespace === undefined ? find(plural) : inside;
  if (!kind) {
    const review = reviews.find((each) => each.group === group && each.version === version && each.plural === plural);
    return review && name === undefined ? { to: 'review', review } : undefined;
  }
  if (name === undefined) return { to: 'collection', kind, namespace };
  if (kind.resource.namespaced && namespace === undefined) return undefined;
  if (more.length || (subresource !== undefined && !(subresource === 'status' && kind.status))) return undefined;
  return { to: 'object', kind, namespace, name, status: subresource === 'status' };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
