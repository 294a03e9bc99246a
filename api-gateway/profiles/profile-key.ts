/**
 * The key of a profile, in a Secret that belongs to the profile and goes with it. It is written here and read by the
 * operator; what is ever shown of it is that it is set, when, and the end of it where that tells nothing.
 */
import {
  type AIProfile,
  API_VERSION,
  CREDENTIAL_LABEL,
  GROUP,
  HOSTS_ANNOTATION,
  RESOURCES,
  type Secret,
} from '../../operator/api/resources.ts';
import { hostsOf } from '../../operator/credential-secrets.ts';
import { type KubeClient, KubeError } from '../../operator/kube/client.ts';
import { hostEntryOf, mayReceive } from '../../operator/llm/credential-binding.ts';
import { acceptProfile } from '../../operator/llm/profiles.ts';
import { Redactor } from '../../operator/redactor.ts';
import { Problem } from '../http/problem.ts';

/** Key within the Secret. */
const ENTRY = 'apiKey';
/** On the Secret: when the key was set, RFC 3339, and its last four characters. */
const SET_AT = `${GROUP}/key-set-at`;
const LAST_FOUR = `${GROUP}/key-last-four`;
/** The end of a shorter key would be too much of it. */
const SHORTEST_WITH_END = 16;

export type KeyView = { set: boolean; last_four: string | null; set_at: string | null; secret: string };

/** What may be said of the key that a profile refers to. @param secret undefined when it is not there, `hidden` when it may not be read */
export function keyView({ spec, status }: AIProfile, secret: Secret | 'hidden' | undefined): KeyView | null {
  const ref = spec.credentialSecretRef;
  if (!ref) return null;
  if (secret === 'hidden') {
    const resolved = status?.conditions?.find(({ type }) => type === 'CredentialsResolved');
    return { set: resolved?.status === 'True', last_four: null, set_at: null, secret: ref.name };
  }
  const annotations = secret?.metadata.annotations;
  const set = (secret?.data?.[ref.key ?? ENTRY] ?? '') !== '';
  return {
    set,
    last_four: (set && annotations?.[LAST_FOUR]) || null,
    set_at: (set && annotations?.[SET_AT]) || null,
    secret: ref.name,
  };
}

/** The reference that a new profile gets, to a Secret that is made next. */
export function keyReference(name: string): { name: string; key: string } {
  return { name: `${name}-key`, key: ENTRY };
}

/**
 * Whether the stored key would go to a place that nobody entered it for, when the profile is changed so. A Secret without
 * hosts is bound by nothing but the address that its profile had.
 * @param secret of the profile, `hidden` when it may not be read
 */
export function losesItsPlace(before: AIProfile['spec'], after: AIProfile['spec'], secret: Secret | 'hidden'): boolean {
  const from = addressOf(before);
  const to = addressOf(after);
  if (!to || from?.origin === to.origin) return false;
  const hosts = secret === 'hidden' ? undefined : hostsOf(secret);
  if (!hosts) return true;
  // To a host that is not named the operator does not send it.
  if (!mayReceive(new URL(`https://${to.host}`), hosts, after.provider)) return false;
  // That it goes in the open, or to another port or a host below the named one, is another matter.
  const named = hosts.some((host) => host.replace(/^https?:\/\//, '') === to.host);
  return !named || (from?.protocol === 'https:' && to.protocol === 'http:');
}

/** The address that a profile is served at; undefined where the operator will say what is wrong with it. */
export function addressOf(spec: AIProfile['spec']): URL | undefined {
  try {
    return new URL(acceptProfile(spec));
  } catch {
    return undefined;
  }
}

/**
 * Writes the key into the profile's own Secret, which is made if need be. A Secret that is not the profile's is left as it
 * is, whoever else uses it: the profile then refers to one of its own.
 * @returns the name of the Secret
 * @throws KubeError
 */
export async function writeKey(
  kube: KubeClient,
  profile: AIProfile,
  key: string,
  now: number,
  signal: AbortSignal,
): Promise<{ name: string; key: string }> {
  const own = keyReference(profile.metadata.name);
  const unique = { ...own, name: `${own.name}-${(profile.metadata.uid ?? '').slice(0, 8)}` };
  const { name = '', key: entry = ENTRY } = profile.spec.credentialSecretRef ?? {};
  const chosen = name.startsWith(`${own.name}-`) && entry === ENTRY ? [{ name, key: entry }] : [];
  for (const ref of [...chosen, own, unique]) {
    const wanted = secretOf(profile, ref.name, key, now);
    try {
      await kube.create<Secret>(RESOURCES.secrets, wanted, signal);
      return ref;
    } catch (error) {
      if (!(error instanceof KubeError) || error.reason !== 'AlreadyExists') throw error;
    }
    const there = await kube.get<Secret>(RESOURCES.secrets, profile.metadata.namespace, ref.name, signal);
    if (!belongsTo(there, profile)) continue;
    // In one go, under the version that was looked at: nobody sees a new key with the old time.
    const { resourceVersion, uid } = there.metadata;
    const metadata = {
      ...there.metadata,
      ...wanted.metadata,
      annotations: { ...there.metadata.annotations, ...wanted.metadata.annotations },
    };
    if (!(LAST_FOUR in (wanted.metadata.annotations ?? {}))) delete metadata.annotations[LAST_FOUR];
    const versioned = {
      ...metadata,
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(uid !== undefined && { uid }),
    };
    await kube.replace<Secret>(RESOURCES.secrets, { ...wanted, metadata: versioned }, undefined, signal);
    return ref;
  }
  throw new KubeError(409, 'Conflict', `Secrets ${own.name} and ${unique.name} belong to others`);
}

/** An error in which the key does not occur, in no form; without its cause, which may quote what was sent. */
export function withoutKey(key: string | undefined, error: unknown): unknown {
  const redactor = new Redactor();
  if (key !== undefined) redactor.add(key);
  const text = (message: string) => redactor.redact(message);
  if (error instanceof KubeError) {
    return new KubeError(error.code, error.reason, text(error.message), [], error.retryAfterSeconds);
  }
  if (!(error instanceof Problem) || key === undefined) return error;
  const errors = error.errors.map(({ field, message }) => ({ field: text(field), message: text(message) }));
  return new Problem(error.status, error.kind, text(error.message), { errors, headers: { ...error.headers } });
}

function belongsTo(secret: Secret, profile: AIProfile): boolean {
  return secret.metadata.ownerReferences?.some(({ uid }) => uid === profile.metadata.uid) ?? false;
}

function secretOf({ metadata, spec }: AIProfile, name: string, key: string, now: number): Secret {
  const address = addressOf(spec);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
      labels: { [CREDENTIAL_LABEL]: 'model' },
      annotations: {
        [SET_AT]: new Date(now).toISOString(),
        // The key goes nowhere else, whatever the profile is changed to: for another place it is entered anew.
        // Without an address it goes nowhere at all.
        [HOSTS_ANNOTATION]: address ? hostEntryOf(address) : '',
        ...(key.length >= SHORTEST_WITH_END && { [LAST_FOUR]: key.slice(-4) }),
      },
      ownerReferences: [{ apiVersion: API_VERSION, kind: 'AIProfile', name: metadata.name, uid: metadata.uid ?? '' }],
    },
    type: 'Opaque',
    data: { [ENTRY]: Buffer.from(key).toString('base64') },
  };
}
