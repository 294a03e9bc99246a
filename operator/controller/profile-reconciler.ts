/**
 * AIProfile: looks at the profile and the Secret that it names, and says in its status whether it can be used. Calls no
 * model: it starts probes, which run beside it, and takes what they found. A probe belongs to the operator that wrote its
 * beginning into the status; the others' writes come too late, and they see that somebody is at it.
 */
import { type AIProfile, type Condition, CREDENTIAL_LABEL, RESOURCES, type Secret } from '../api/resources.ts';
import { type Clock, systemClock } from '../clock.ts';
import { hostsOf, misuseOf } from '../credential-secrets.ts';
import { type KubeClient, KubeError } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import { splitKey } from '../kube/key.ts';
import { patchStatus } from '../kube/patch-status.ts';
import type { ProcessResult } from '../kube/work-queue.ts';
import type { Caches } from './caches.ts';
import { type ModelFindings, versionOf } from './model-findings.ts';
import { isProbing, type Probe, probeDueIn, requestOf } from './profile-probe-schedule.ts';
import type { FinishedProbe, ProfileProbes } from './profile-probes.ts';
import { DEFAULT_SECRET_KEY, projectProfileStatus, type SecretFinding } from './profile-status.ts';
import { MODEL_REFUSALS } from './profile-verdict.ts';

export type ProfileReconcilerOptions = {
  client: KubeClient;
  caches: Pick<Caches, 'profiles' | 'secrets'>;
  events: Pick<EventRecorder, 'record'>;
  /** What calls find out about models. */
  findings: ModelFindings;
  /** Tries models; when left out, only calls of sessions tell whether they answer. */
  probes?: ProfileProbes;
  clock?: Clock;
};

/** A Secret without the label is not watched; whether it was made or removed is looked up at this interval. */
const RECHECK_MS = 30_000;
const CONFLICT_MS = 20;
/** Until a labelled Secret that is there has come to the cache, which calls for the profile anyway. */
const ARRIVING_MS = 200;
/** Until other probes have ended, or what this process wrote has come to the cache. */
const PROBE_ROOM_MS = 500;
const STALE_MS = 20;

/** What is to be done about the probe of a profile. */
type ProbeStep =
  | { do: 'begin'; probe: Probe }
  | { do: 'tell'; ended: FinishedProbe }
  | { do: 'wait'; ms: number }
  /** The cache does not have yet what this process wrote last. */
  | { do: 'stale' };

export class ProfileReconciler {
  readonly #options: ProfileReconcilerOptions;
  readonly #clock: Clock;

  constructor(options: ProfileReconcilerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ProcessResult> {
    const { client, caches, findings, probes } = this.#options;
    const profile = caches.profiles.get(key);
    if (!profile || profile.metadata.deletionTimestamp) {
      probes?.forget(key);
      return undefined;
    }
    const secret = await this.#find(profile, signal);
    if (secret === 'arriving') return { requeueAfterMs: ARRIVING_MS };
    const credential = caches.secrets.get(`${profile.metadata.namespace}/${profile.spec.credentialSecretRef?.name}`);
    const version = versionOf(profile, credential);
    const now = this.#clock.now();
    const known = {
      secret,
      version,
      model: findings.of(key, version),
      profiles: caches.profiles.list(profile.metadata.namespace),
    };
    const plain = projectProfileStatus(profile, known, now);
    const step = probes && isUsable(plain.conditions) ? this.#probe(probes, key, profile, version) : undefined;
    if (step?.do === 'stale') return { requeueAfterMs: STALE_MS };
    const status =
      step?.do === 'begin'
        ? projectProfileStatus(profile, { ...known, probe: { begins: step.probe } }, now)
        : step?.do === 'tell'
          ? projectProfileStatus(profile, { ...known, probe: { ended: step.ended } }, now)
          : plain;
    const { outcome, object } = await patchStatus(client, RESOURCES.profiles, profile, status, signal);
    if (outcome === 'conflict') return { requeueAfterMs: CONFLICT_MS };
    if (outcome === 'written') {
      this.#announce(profile, status.conditions ?? []);
      if (step?.do === 'begin') {
        if (object.status?.probe) probes?.start(key, profile, step.probe);
        else
          probes?.close('the AIProfile definition of this cluster is older than the operator; apply the newer one and restart');
      }
      if (step?.do === 'tell') probes?.forget(key);
    }
    const again = [secret && secret.state !== 'found' ? RECHECK_MS : undefined, step?.do === 'wait' ? step.ms : undefined];
    const next = Math.min(...again.filter((ms) => ms !== undefined));
    return Number.isFinite(next) ? { requeueAfterMs: next } : undefined;
  }

  #probe(probes: ProfileProbes, key: string, profile: AIProfile, version: string): ProbeStep | undefined {
    const own = probes.of(key);
    if (own) {
      if (own.over === profile.metadata.resourceVersion) return { do: 'stale' };
      const stands = own.claim.of === version && own.claim.startTime === profile.status?.probe?.startTime;
      if (stands) return own.finished && { do: 'tell', ended: own.finished };
      // The profile changed, or another operator took it over.
      probes.forget(key);
    }
    if (!probes.isOpen) return undefined;
    const now = this.#clock.now();
    const ms = probeDueIn(profile, version, now, probes.intervalMs);
    if (ms > 0) return { do: 'wait', ms };
    if (!probes.hasRoom) return { do: 'wait', ms: PROBE_ROOM_MS };
    const before = profile.status?.probe;
    const requested = requestOf(profile);
    const failures = before?.of === version && !isProbing(profile.status ?? {}) ? (before.failures ?? 0) : 0;
    return {
      do: 'begin',
      probe: { of: version, startTime: new Date(now).toISOString(), ...(requested !== undefined && { requested }), failures },
    };
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
      const refused = refusals.includes(is.reason);
      if (is.type === 'Ready' && !refused && !(is.status === 'True' && was?.status === 'False')) continue;
      const severity = is.status === 'True' ? 'Normal' : 'Warning';
      // That a new profile is as it should be needs no event.
      if (severity === 'Warning' || was) {
        this.#options.events.record(profile, { type: severity, reason: is.reason, action: 'Check', note: is.message });
      }
    }
  }
}

const refusals: readonly string[] = MODEL_REFUSALS;

/** Whether its model could be called. */
function isUsable(conditions: readonly Condition[] = []): boolean {
  return ['Accepted', 'CredentialsResolved'].every((type) =>
    conditions.some((condition) => condition.type === type && condition.status === 'True'),
  );
}

function findingOf(secret: Secret, key = DEFAULT_SECRET_KEY): SecretFinding {
  const misuse = misuseOf(secret, 'model', key);
  if (misuse !== undefined) return { state: 'misused', message: misuse };
  const value = secret.data?.[key];
  const hosts = hostsOf(secret);
  return { state: 'found', key: value === undefined ? 'missing' : value === '' ? 'empty' : 'present', hosts };
}
