/** AIProfile: looks at the profile and the Secret that it names, and says in its status whether it can be used. */
import { type AIProfile, type Condition, CREDENTIAL_LABEL, HOSTS_ANNOTATION, RESOURCES, type Secret } from '../api/resources.ts';
import { type Clock, systemClock } from '../clock.ts';
import { type KubeClient, KubeError } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import { splitKey } from '../kube/key.ts';
import { patchStatus } from '../kube/patch-status.ts';
import type { ProcessResult } from '../kube/work-queue.ts';
import type { Caches } from './caches.ts';
import { type ModelFindings, versionOf } from './model-findings.ts';
import { DEFAULT_SECRET_KEY, projectProfileStatus, REFUSED, type SecretFinding } from './profile-status.ts';

export type ProfileReconcilerOptions = {
  client: KubeClient;
  caches: Pick<Caches, 'profiles' | 'secrets'>;
  events: Pick<EventRecorder, 'record'>;
  /** What calls find out about models. */
  findings: ModelFindings;
  clock?: Clock;
};

/** A Secret without the label is not watched; whether it was made or removed is looked up at this interval. */
const RECHECK_MS = 30_000;
const CONFLICT_MS = 20;
/** Until a labelled Secret that is there has come to the cache, which calls for the profile anyway. */
const ARRIVING_MS = 200;

export class ProfileReconciler {
  readonly #options: ProfileReconcilerOptions;
  readonly #clock: Clock;

  constructor(options: ProfileReconcilerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ProcessResult> {
    const { client, caches } = this.#options;
    const profile = caches.profiles.get(key);
    if (!profile || profile.metadata.deletionTimestamp) return undefined;
    const secret = await this.#find(profile, signal);
    if (secret === 'arriving') return { requeueAfterMs: ARRIVING_MS };
    const credential = caches.secrets.get(`${profile.metadata.namespace}/${profile.spec.credentialSecretRef?.name}`);
    const model = this.#options.findings.of(key, versionOf(profile, credential));
    const status = projectProfileStatus(profile, { secret, model }, this.#clock.now());
    const { outcome } = await patchStatus(client, RESOURCES.profiles, profile, status, signal);
    if (outcome === 'conflict') return { requeueAfterMs: CONFLICT_MS };
    if (outcome === 'written') this.#announce(profile, status.conditions ?? []);
    return secret && secret.state !== 'found' ? { requeueAfterMs: RECHECK_MS } : undefined;
  }

  /** Keys of the profiles that name a Secret. */
  usersOf(secretKey: string): string[] {
    const { namespace, name } = splitKey(secretKey);
    return this.#options.caches.profiles
      .list(namespace)
      .filter(({ spec }) => spec.credentialSecretRef?.name === name)
      .map(({ metadata }) => `${namespace}/${metadata.name}`);
  }

  async #find({ metadata, spec }: AIProfile, signal: AbortSignal): Promise<SecretFinding | 'arriving' | undefined> {
    const ref = spec.credentialSecretRef;
    if (!ref) return undefined;
    const { client, caches } = this.#options;
    const cached = caches.secrets.get(`${metadata.namespace}/${ref.name}`);
    if (cached) return findingOf(cached, ref.key);
    try {
      // Nothing of it is looked at but the label: who calls the model takes the key from the cache as well.
      const { metadata: found } = await client.get<Secret>(RESOURCES.secrets, metadata.namespace, ref.name, signal);
      return found.labels?.[CREDENTIAL_LABEL] === undefined ? { state: 'unlabelled' } : 'arriving';
    } catch (error) {
      // Where the operator may only list labelled Secrets, the others do not exist for it.
      if (error instanceof KubeError && (error.code === 404 || error.code === 403)) return { state: 'missing' };
      throw error;
    }
  }

  #announce(profile: AIProfile, after: readonly Condition[]): void {
    for (const is of after) {
      const was = profile.status?.conditions?.find(({ type }) => type === is.type);
      if (was?.status === is.status && was.reason === is.reason) continue;
      // What keeps a profile from being ready is told by the other conditions, unless it was found by calling.
      if (is.type === 'Ready' && !REFUSED.includes(is.reason) && !(is.status === 'True' && was?.status === 'False')) continue;
      const severity = is.status === 'True' ? 'Normal' : 'Warning';
      // That a new profile is as it should be needs no event.
      if (severity === 'Warning' || was) {
        this.#options.events.record(profile, { type: severity, reason: is.reason, action: 'Check', note: is.message });
      }
    }
  }
}

function findingOf({ data, metadata }: Secret, key = DEFAULT_SECRET_KEY): SecretFinding {
  const value = data?.[key];
  const hosts = metadata.annotations?.[HOSTS_ANNOTATION]?.split(',').map((host) => host.trim());
  return { state: 'found', key: value === undefined ? 'missing' : value === '' ? 'empty' : 'present', hosts };
}
