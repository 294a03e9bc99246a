/**
 * Callers of a cluster whose rights a test decides: reviews of who they are and what they may do are answered here, as an
 * API server with RBAC answers them, and so is every request that they have no right to. The rest goes to a real API.
 */
import { ClusterCallers } from '../../api-gateway/http/cluster-callers.ts';
import { type KubeObject, RESOURCES, type Resource } from '../../operator/api/resources.ts';
import { type KubeClient, KubeError } from '../../operator/kube/client.ts';

/** `patch agentsessions`, `get agentsessions/log`; all of a resource's with `* aiprofiles`. */
export type Rights = Set<string>;

/** @param users name and rights by the token; what is changed in them counts at once */
export function callersWithRights(
  users: ReadonlyMap<string, { name: string; rights: Rights }>,
  kube: () => KubeClient,
  namespace: string,
): ClusterCallers {
  const unknown = new KubeError(401, 'Unauthorized', 'Unauthorized');
  let now = 0;
  return new ClusterCallers({
    namespace,
    withToken: (token) => limited(kube(), () => users.get(token) ?? fail(unknown)),
    // Nothing is remembered from one question to the next.
    now: () => (now += 60_000),
  });
}

function limited(kube: KubeClient, user: () => { name: string; rights: Rights }): KubeClient {
  const may = (verb: string, resource: string) => user().rights.has(`${verb} ${resource}`) || user().rights.has(`* ${resource}`);
  const demand = (verb: string, { plural, group }: Resource): void => {
    if (may(verb, plural)) return;
    const what = `cannot ${verb} resource "${plural}" in API group "${group}"`;
    throw new KubeError(403, 'Forbidden', `${plural}.${group} is forbidden: User "${user().name}" ${what}`);
  };
  return {
    get: async (resource, ...rest) => {
      demand('get', resource);
      return kube.get(resource, ...rest);
    },
    list: async (resource, ...rest) => {
      demand('list', resource);
      return kube.list(resource, ...rest);
    },
    create: async <T extends KubeObject>(resource: Resource, object: T, signal?: AbortSignal) => {
      if (resource.plural === 'selfsubjectreviews') return { ...object, status: { userInfo: { username: user().name } } };
      if (resource.plural === 'selfsubjectaccessreviews') {
        const { verb, resource: plural, subresource } = attributesOf(object);
        return { ...object, status: { allowed: may(verb, subresource ? `${plural}/${subresource}` : plural) } };
      }
      demand('create', resource);
      return kube.create(resource, object, signal);
    },
    replace: async (resource, ...rest) => {
      demand('update', resource);
      return kube.replace(resource, ...rest);
    },
    mergePatch: async (resource, ...rest) => {
      demand('patch', resource);
      return kube.mergePatch(resource, ...rest);
    },
    jsonPatch: async (resource, ...rest) => {
      demand('patch', resource);
      return kube.jsonPatch(resource, ...rest);
    },
    delete: async (resource, ...rest) => {
      demand('delete', resource);
      return kube.delete(resource, ...rest);
    },
    watch: (resource, ...rest) => {
      demand('watch', resource);
      return kube.watch(resource, ...rest);
    },
  };
}

/** Reads everything that there is to see. */
export function reading(...more: string[]): Rights {
  const kinds = [RESOURCES.sessions, RESOURCES.profiles].map(({ plural }) => plural);
  return new Set([...kinds.flatMap((plural) => ['get', 'list', 'watch'].map((verb) => `${verb} ${plural}`)), ...more]);
}

function attributesOf(review: object): { verb: string; resource: string; subresource: string | undefined } {
  const { verb, resource, subresource } = Object(Object(Object(review).spec).resourceAttributes);
  return {
    verb: String(verb),
    resource: String(resource),
    subresource: subresource === undefined ? undefined : String(subresource),
  };
}

function fail(error: Error): never {
  throw error;
}
