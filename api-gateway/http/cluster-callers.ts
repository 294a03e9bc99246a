/**
 * Callers of a cluster: each request carries a bearer token of the cluster and acts with it, so that the caller's rights
 * decide and the audit log names the caller. What is no object is asked about with a SelfSubjectAccessReview, also with the
 * caller's token: this server needs no right to ask about others.
 */
import { createHash } from 'node:crypto';
import { GROUP, type KubeObject, type Resource } from '../../operator/api/resources.ts';
import { type KubeClient, KubeError } from '../../operator/kube/client.ts';
import type { Ask, Caller, Right } from './caller.ts';
import { Problem } from './problem.ts';

export type ClusterCallersOptions = {
  /** The Kubernetes API as whoever has the token; must send no other credential. */
  withToken: (token: string) => KubeClient;
  /** Of the sessions. */
  namespace: string;
  /** Milliseconds since 1970. */
  now: () => number;
};

/** How long an answer of the API server counts, in milliseconds: as long as its own authorizers keep theirs, or less. */
const KNOWN_MS = 30_000;
const ALLOWED_MS = 15_000;
const REFUSED_MS = 5_000;
const KEPT = 2_000;

/** To read what the log knows of a session: `get` on `agentsessions/log`, as `kubectl logs` needs it on `pods/log`. */
export const LOG_RIGHT = { group: GROUP, resource: 'agentsessions', subresource: 'log', verb: 'get' } as const;

const IDENTITY: Resource = {
  group: 'authentication.k8s.io',
  version: 'v1',
  plural: 'selfsubjectreviews',
  kind: 'SelfSubjectReview',
  namespaced: false,
};
const ACCESS: Resource = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'selfsubjectaccessreviews',
  kind: 'SelfSubjectAccessReview',
  namespaced: false,
};

type Review = KubeObject & { spec?: object; status?: unknown };
type Access = { allowed: boolean; reason: string };

export class ClusterCallers {
  readonly #options: ClusterCallersOptions;
  readonly #names: Answers<string>;
  readonly #access: Answers<Access>;

  constructor(options: ClusterCallersOptions) {
    this.#options = options;
    this.#names = new Answers(options.now);
    this.#access = new Answers(options.now);
  }

  /** @throws Problem 401 when the API server does not know the token */
  async caller(token: string, signal: AbortSignal): Promise<Caller> {
    const kube = this.#options.withToken(token);
    const author = await this.#names.of(
      digest(token),
      () => nameOf(kube, signal),
      () => KNOWN_MS,
    );
    return {
      author,
      rights: digest(token),
      kube,
      demand: (ask, within) => this.#demand(token, author, kube, ask, within),
      may: async (right, within) => (await this.#ask(token, kube, { right }, within)).allowed,
    };
  }

  async #demand(token: string, author: string, kube: KubeClient, ask: Ask, signal: AbortSignal): Promise<void> {
    const { allowed, reason } = await this.#ask(token, kube, ask, signal);
    if (allowed) return;
    const what = inWords(ask, this.#options.namespace);
    throw new Problem(403, 'forbidden', `User "${author}" may not ${what}.${reason === '' ? '' : ` ${reason}`}`);
  }

  #ask(token: string, kube: KubeClient, ask: Ask, signal: AbortSignal): Promise<Access> {
    const spec = attributesOf(ask, this.#options.namespace);
    return this.#access.of(
      `${digest(token)} ${JSON.stringify(spec)}`,
      () => accessOf(kube, spec, signal),
      (answer) => (answer.allowed ? ALLOWED_MS : REFUSED_MS),
    );
  }
}

function attributesOf(ask: Ask, namespace: string): object {
  if ('path' in ask) return { nonResourceAttributes: { path: ask.path, verb: 'get' } };
  if ('session' in ask) return { resourceAttributes: { ...LOG_RIGHT, namespace, name: ask.session } };
  const { resource, ...right } = ask.right;
  return { resourceAttributes: { group: groupOf(resource), resource, ...right, namespace } };
}

function inWords(ask: Ask, namespace: string): string {
  if ('path' in ask) return `get ${ask.path}: it needs get on this nonResourceURL`;
  if ('session' in ask)
    return `read the log of agentsessions.${GROUP} "${ask.session}" in the namespace "${namespace}": it needs get on agentsessions/log`;
  const { verb, resource } = ask.right;
  const group = groupOf(resource);
  return `${verb} ${resource}${group === '' ? '' : `.${group}`} in the namespace "${namespace}"`;
}

function groupOf(resource: Right['resource']): string {
  return resource === 'secrets' ? '' : GROUP;
}

async function nameOf(kube: KubeClient, signal: AbortSignal): Promise<string> {
  const user = field(field(await answerTo(kube, IDENTITY, {}, signal), 'userInfo'), 'username');
  if (typeof user !== 'string' || user === '') throw new TypeError('the SelfSubjectReview names no user');
  return user;
}

async function accessOf(kube: KubeClient, spec: object, signal: AbortSignal): Promise<Access> {
  const status = await answerTo(kube, ACCESS, { spec }, signal);
  const reason = field(status, 'reason');
  return { allowed: field(status, 'allowed') === true, reason: typeof reason === 'string' ? reason : '' };
}

/** A review has no name. */
async function answerTo(kube: KubeClient, resource: Resource, more: { spec?: object }, signal: AbortSignal): Promise<unknown> {
  const { group, version, kind } = resource;
  const review: Review = { apiVersion: `${group}/${version}`, kind, metadata: { name: '' }, ...more };
  try {
    return (await kube.create<Review>(resource, review, signal)).status;
  } catch (error) {
    if (error instanceof KubeError && error.code === 401) throw unknownToken(error);
    throw error;
  }
}

export function unknownToken(cause?: unknown): Problem {
  const detail = 'The cluster does not know this token, or not any more. Get a new one: kubectl create token <service account>.';
  return new Problem(401, 'unauthenticated', detail, { headers: { 'WWW-Authenticate': 'Bearer realm="kubernetes"' }, cause });
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
}

/** Tokens are kept as what cannot be turned back into them. */
function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/** Answers that count for a while. A question that failed has none. */
class Answers<T> {
  readonly #now: () => number;
  readonly #kept = new Map<string, { value: T; until: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  async of(key: string, ask: () => Promise<T>, countsMs: (value: T) => number): Promise<T> {
    const kept = this.#kept.get(key);
    if (kept && kept.until > this.#now()) return kept.value;
    const value = await ask();
    this.#kept.delete(key);
    this.#kept.set(key, { value, until: this.#now() + countsMs(value) });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
    return value;
  }
}
