/** Profiles and their keys as objects of the Kubernetes API, with the rights of whoever asks. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AgentSession,
  type AIProfile,
  CREDENTIAL_LABEL,
  PROBE_ANNOTATION,
  RESOURCES,
  type Secret,
} from '../../operator/api/resources.ts';
import { type KubeClient, KubeError } from '../../operator/kube/client.ts';
import type { Caller } from '../http/caller.ts';
import { invalid, Problem } from '../http/problem.ts';
import { UNFINISHED } from '../listing.ts';
import { isRecord } from '../record.ts';
import { addressOf, keyReference, losesItsPlace, withoutKey, writeKey } from './profile-key.ts';
import { checkedProfile, nameFor, type ProfileRequest, patched, profileErrors } from './profile-request.ts';
import { sessionsByProfile } from './profile-use.ts';
import { isReadOnly, profileView, profileViews } from './profile-view.ts';

export type ProfileView = ReturnType<typeof profileView>;

/** How often a change is tried again when somebody else was faster: the operator writes status while users act. */
const MAX_TRIES = 10;
/** How many names are tried for a profile that was given none. */
const MAX_NAMES = 20;
/** How long taking back what was half made may take, in milliseconds; whoever asked for it may have gone. */
const UNDO_MS = 5_000;
const PAGE = 100;

export class Profiles {
  readonly #caller: Caller;
  readonly #kube: KubeClient;
  readonly #namespace: string;
  readonly #now: () => number;

  constructor(caller: Caller, namespace: string, now: () => number) {
    this.#caller = caller;
    this.#kube = caller.kube;
    this.#namespace = namespace;
    this.#now = now;
  }

  /** All profiles by name. */
  async list(signal: AbortSignal): Promise<ProfileView[]> {
    const [profiles, secrets, sessions] = await Promise.all([this.#all(signal), this.#secrets(signal), this.#unfinished(signal)]);
    return profileViews(profiles, secrets, sessions);
  }

  /** @throws Problem 404 */
  async show(name: string, signal: AbortSignal): Promise<ProfileView> {
    return this.#view(await this.#get(name, signal), signal);
  }

  /**
   * Makes a profile, and its key after it: a key without a profile would be nobody's and would stay. Where the key cannot be
   * stored the profile is taken back; where this process ends in between, it says of itself that its Secret is missing, is
   * used by no session, and takes the key as any other profile does.
   * @throws Problem
   */
  async create({ name, key, spec }: ProfileRequest, signal: AbortSignal): Promise<ProfileView> {
    const given = name ?? nameFor(spec.displayName, spec.provider);
    const whole = (chosen: string, credentialSecretRef = keyReference(chosen)) =>
      checkedProfile({
        metadata: { name: chosen, namespace: this.#namespace },
        spec: { ...without(spec), ...(key !== undefined && { credentialSecretRef }) },
      });
    const own = async (chosen: string) =>
      whole(chosen, key === undefined ? undefined : await this.#freeReference(chosen, signal));
    return this.#told(key, given, async () => {
      if (name === undefined && spec.displayName === undefined) {
        throw invalid([{ field: 'display_name', message: 'is missing; it must be given' }]);
      }
      whole(given);
      if (key !== undefined) await this.#caller.demand({ right: { verb: 'create', resource: 'secrets' } }, signal);
      const profile = await this.#createNamed(given, name === undefined ? MAX_NAMES : 1, own, signal);
      if (key !== undefined) {
        try {
          await this.#store(profile, key, signal);
        } catch (error) {
          await this.#takeBack(profile);
          throw error;
        }
      }
      if (profile.spec.default) await this.#takeDefault(profile, signal);
      return this.show(profile.metadata.name, signal);
    });
  }

  /** Changes what is named, and the key if one is given. @throws Problem */
  async change(name: string, { key, spec }: ProfileRequest, signal: AbortSignal): Promise<ProfileView> {
    return this.#told(key, name, async () => {
      let profile = await this.#changeable(name, signal);
      let ref: { name: string; key: string } | undefined;
      for (let tries = 1; ; tries++) {
        const keyed = profile.spec.credentialSecretRef !== undefined;
        const reference = key !== undefined && !keyed && { credentialSecretRef: keyReference(name) };
        const wanted = patched(profile.spec, { ...spec, ...reference });
        const whole = checkedProfile({ metadata: profile.metadata, spec: isRecord(wanted) ? wanted : {} });
        const moves = addressOf(whole.spec)?.origin !== addressOf(profile.spec)?.origin;
        if (key === undefined) await this.#keepKeyHome(profile, whole, signal);
        // First the key, then the place in one go with the reference: no other key ever goes there.
        else if ((moves || !keyed) && !ref) ref = await writeKey(this.#kube, whole, key, this.#now(), signal);
        const patch = { ...spec, ...(ref && { credentialSecretRef: ref }) };
        if (Object.keys(patch).length === 0) break;
        try {
          const { resourceVersion } = profile.metadata;
          profile = await this.#patch(name, { metadata: { resourceVersion }, spec: patch }, signal);
          break;
        } catch (error) {
          if (!(error instanceof KubeError && error.code === 409) || tries === MAX_TRIES) throw error;
          await sleep(Math.random() * 5 * tries, undefined, { signal });
          profile = await this.#changeable(name, signal);
        }
      }
      if (key !== undefined && !ref) profile = await this.#store(profile, key, signal);
      if (spec.default === true) await this.#takeDefault(profile, signal);
      return this.#view(profile, signal);
    });
  }

  /** @throws Problem */
  async setKey(name: string, key: string, signal: AbortSignal): Promise<void> {
    await this.#told(key, name, async () => {
      await this.#store(await this.#changeable(name, signal), key, signal);
    });
  }

  /** Asks the operator to try the model now; what it finds is in the conditions. @throws Problem */
  async test(name: string, signal: AbortSignal): Promise<ProfileView> {
    return this.#told(undefined, name, async () => {
      const annotations = { [PROBE_ANNOTATION]: new Date(this.#now()).toISOString() };
      return this.#view(await this.#patch(name, { metadata: { annotations } }, signal), signal);
    });
  }

  /** Deletes a profile; its key goes with it. @returns the unfinished sessions that need it @throws Problem */
  async remove(name: string, signal: AbortSignal): Promise<{ name: string; sessions: readonly string[] }> {
    return this.#told(undefined, name, async () => {
      const profile = await this.#changeable(name, signal);
      const { sessions } = await this.#view(profile, signal);
      const { uid } = profile.metadata;
      const options = { propagationPolicy: 'Background', ...(uid !== undefined && { preconditions: { uid } }) };
      await this.#kube.delete(RESOURCES.profiles, this.#namespace, name, options, signal);
      return { name, sessions };
    });
  }

  async #view(profile: AIProfile, signal: AbortSignal): Promise<ProfileView> {
    const [secret, profiles, sessions] = await Promise.all([
      this.#secretOf(profile, signal),
      this.#all(signal),
      this.#unfinished(signal),
    ]);
    const used = sessionsByProfile(sessions, profiles);
    return profileView(profile, { secret, sessions: used.get(profile.metadata.name) ?? [] });
  }

  async #get(name: string, signal: AbortSignal): Promise<AIProfile> {
    return this.#told(undefined, name, () => this.#kube.get<AIProfile>(RESOURCES.profiles, this.#namespace, name, signal));
  }

  /** @throws Problem 409 for what the environment makes */
  async #changeable(name: string, signal: AbortSignal): Promise<AIProfile> {
    const profile = await this.#get(name, signal);
    if (!isReadOnly(profile)) return profile;
    const detail = `Profile ${name} comes from the environment of the server and is made again with every start. Change the settings there, or make a profile of your own and set it as default.`;
    throw new Problem(409, 'read-only', detail);
  }

  async #createNamed(
    given: string,
    names: number,
    whole: (name: string) => Promise<AIProfile>,
    signal: AbortSignal,
  ): Promise<AIProfile> {
    for (let number = 1; ; number++) {
      try {
        const profile = await whole(number === 1 ? given : `${given}-${number}`);
        return await this.#kube.create<AIProfile>(RESOURCES.profiles, profile, signal);
      } catch (error) {
        const taken = error instanceof KubeError && error.reason === 'AlreadyExists';
        if (!taken || number >= names) throw error;
      }
    }
  }

  /** Of a Secret that is not there: until the key is stored, the operator must not take somebody else's for it. */
  async #freeReference(name: string, signal: AbortSignal): Promise<{ name: string; key: string }> {
    const usual = keyReference(name);
    try {
      await this.#kube.get<Secret>(RESOURCES.secrets, this.#namespace, usual.name, signal);
    } catch (error) {
      if (error instanceof KubeError && error.code === 404) return usual;
      if (!(error instanceof KubeError && error.code === 403)) throw error;
    }
    return { ...usual, name: `${usual.name}-${randomBytes(4).toString('hex')}` };
  }

  /** @throws Problem 422 when the stored key would follow the profile to a place that it was not entered for */
  async #keepKeyHome(before: AIProfile, after: AIProfile, signal: AbortSignal): Promise<void> {
    const to = addressOf(after.spec)?.origin;
    if (to === undefined || to === addressOf(before.spec)?.origin) return;
    const secret = await this.#secretOf(before, signal);
    if (!secret || !losesItsPlace(before.spec, after.spec, secret)) return;
    throw invalid([{ field: 'key', message: `must be given again: the stored one was not entered for ${to}` }]);
  }

  async #takeBack({ metadata }: AIProfile): Promise<void> {
    const signal = AbortSignal.timeout(UNDO_MS);
    const options = metadata.uid === undefined ? {} : { preconditions: { uid: metadata.uid } };
    // It is not usable, and says so itself; that the key could not be stored is what the caller has to hear.
    await this.#kube.delete(RESOURCES.profiles, this.#namespace, metadata.name, options, signal).catch(() => undefined);
  }

  /** Stores the key, and has the profile refer to it. */
  async #store(profile: AIProfile, key: string, signal: AbortSignal): Promise<AIProfile> {
    const ref = await writeKey(this.#kube, profile, key, this.#now(), signal);
    const now = profile.spec.credentialSecretRef;
    if (now?.name === ref.name && (now.key ?? ref.key) === ref.key) return profile;
    return this.#patch(profile.metadata.name, { spec: { credentialSecretRef: ref } }, signal);
  }

  /** One profile is the default; where the mark cannot be taken from another, the operator says which of them counts. */
  async #takeDefault(profile: AIProfile, signal: AbortSignal): Promise<void> {
    for (const other of await this.#all(signal)) {
      if (!other.spec.default || other.metadata.uid === profile.metadata.uid) continue;
      await this.#patch(other.metadata.name, { spec: { default: false } }, signal).catch((error: unknown) => {
        if (!(error instanceof KubeError && error.code === 404)) throw error;
      });
    }
  }

  #patch(name: string, patch: object, signal: AbortSignal): Promise<AIProfile> {
    return this.#kube.mergePatch<AIProfile>(RESOURCES.profiles, this.#namespace, name, patch, undefined, signal);
  }

  async #all(signal: AbortSignal): Promise<AIProfile[]> {
    return everything((from) =>
      this.#kube.list<AIProfile>(RESOURCES.profiles, { namespace: this.#namespace, limit: PAGE, ...from }, signal),
    );
  }

  async #unfinished(signal: AbortSignal): Promise<AgentSession[]> {
    const options = { namespace: this.#namespace, fieldSelector: UNFINISHED, limit: PAGE };
    const found = await unlessForbidden(
      everything((from) => this.#kube.list<AgentSession>(RESOURCES.sessions, { ...options, ...from }, signal)),
    );
    return found === 'hidden' ? [] : found;
  }

  async #secrets(signal: AbortSignal): Promise<Map<string, Secret> | 'hidden'> {
    const options = { namespace: this.#namespace, labelSelector: CREDENTIAL_LABEL, limit: PAGE };
    const found = await unlessForbidden(
      everything((from) => this.#kube.list<Secret>(RESOURCES.secrets, { ...options, ...from }, signal)),
    );
    return found === 'hidden' ? found : new Map(found.map((secret) => [secret.metadata.name, secret]));
  }

  async #secretOf({ spec }: AIProfile, signal: AbortSignal): Promise<Secret | 'hidden' | undefined> {
    const ref = spec.credentialSecretRef;
    if (!ref) return undefined;
    const secret = this.#kube.get<Secret>(RESOURCES.secrets, this.#namespace, ref.name, signal).catch((error: unknown) => {
      if (error instanceof KubeError && error.code === 404) return undefined;
      throw error;
    });
    const found = await unlessForbidden(secret);
    return found === 'hidden' || found?.metadata.labels?.[CREDENTIAL_LABEL] !== undefined ? found : undefined;
  }

  /** Runs, and turns what the API server refuses into words about this profile, in which the key does not occur. */
  async #told<T>(key: string | undefined, name: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw withoutKey(key, error instanceof KubeError ? inWords(error, name) : error);
    }
  }
}

/** Conflicts and what is missing, in words about profiles; everything else as it is. */
function inWords(error: KubeError, name: string): Problem | KubeError {
  if (error.code === 404)
    return new Problem(404, 'no-such-profile', `There is no profile ${name}. GET /agent/profiles lists those there are.`);
  if (error.reason === 'AlreadyExists')
    return new Problem(409, 'id-in-use', `There is a profile ${name} already. Choose another name, or change that one.`);
  if (error.code === 409) return new Problem(409, 'conflict', 'The profile or its key was changed at the same time. Try again.');
  return error.code === 422 && error.causes.length > 0 ? invalid(profileErrors(error.causes)) : error;
}

/** All pages of a list. */
async function everything<T>(page: (from: { continue?: string }) => Promise<{ items: T[]; continue?: string }>): Promise<T[]> {
  const all: T[] = [];
  for (let next: string | undefined; ; ) {
    const found = await page(next === undefined ? {} : { continue: next });
    all.push(...found.items);
    next = found.continue;
    if (next === undefined) return all;
  }
}

/** Who may see profiles need not see what stands around them. */
async function unlessForbidden<T>(found: Promise<T>): Promise<T | 'hidden'> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof KubeError && error.code === 403) return 'hidden';
    throw error;
  }
}

function without(spec: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== null));
}
