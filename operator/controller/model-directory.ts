/** The engine's view of the profiles: which a role may use, and each ready to be called with its key. */
import { type AgentSession, type AIProfile, CREDENTIAL_LABEL, type Secret } from '../api/resources.ts';
import { hostsOf, misuseOf } from '../credential-secrets.ts';
import type { ConversationRole } from '../engine/event-parts.ts';
import { type ModelBinding, type ModelDirectory, ModelUnavailableError, type NoProfile } from '../engine/ports.ts';
import type { Pricing } from '../llm/prices.ts';
import type { ProbeFacts } from '../llm/probe.ts';
import { type ModelProviders, ProfileError, type ProfileModel } from '../llm/profiles.ts';
import type { ModelProvider } from '../llm/provider.ts';
import type { Caches } from './caches.ts';
import { type ModelFindings, versionOf } from './model-findings.ts';
import { resolveProfile } from './profile-resolution.ts';
import { DEFAULT_SECRET_KEY } from './profile-status.ts';

/** Measures the calls of a model. */
export interface ModelMeter {
  measured(of: { provider: string; model: string; pricing: Pricing | undefined }, provider: ModelProvider): ModelProvider;
}

/** What is known of the objects; keys are namespace/name. */
type Known = { profiles: Pick<Caches['profiles'], 'get' | 'list'>; secrets: Pick<Caches['secrets'], 'get'> };

export class ProfileModels implements ModelDirectory {
  readonly #caches: Known;
  readonly #providers: ModelProviders;
  readonly #findings: ModelFindings;
  readonly #meter: ModelMeter | undefined;

  constructor(caches: Known, providers: ModelProviders, findings: ModelFindings, meter?: ModelMeter) {
    this.#caches = caches;
    this.#providers = providers;
    this.#findings = findings;
    this.#meter = meter;
  }

  chain(session: AgentSession, role: ConversationRole): readonly string[] | NoProfile {
    const resolution = resolveProfile(session, this.#caches.profiles.list(session.metadata.namespace), role);
    return resolution.ok ? resolution.chain : { reason: resolution.reason, message: resolution.message };
  }

  async bind(session: AgentSession, name: string): Promise<ModelBinding> {
    const key = `${session.metadata.namespace ?? 'default'}/${name}`;
    const profile = this.#caches.profiles.get(key);
    if (!profile) throw new ModelUnavailableError('ProfileNotFound', `AIProfile ${name} does not exist any more.`);
    const { model, version } = this.#modelOf(profile);
    const watched = this.#findings.watched(key, version, model.provider);
    const provider = this.#meter?.measured({ ...model, provider: profile.spec.provider }, watched) ?? watched;
    // What the server told of the window is in the status of a profile that is as it was then.
    const found = profile.status?.probe?.of === version ? profile.status.contextWindow : undefined;
    return { profile: name, ...model, contextWindow: found ?? model.contextWindow, provider };
  }

  /**
   * Tries the model of a profile.
   * @throws ModelError, ModelUnavailableError, or the signal's reason
   */
  async probe(profile: AIProfile, signal: AbortSignal): Promise<ProbeFacts> {
    return this.#modelOf(profile).model.probe(signal);
  }

  /** Loads what the profiles that are known to answer need for their next call. */
  async warm(): Promise<void> {
    const providers = new Set<string>();
    for (const profile of this.#caches.profiles.list()) {
      const ready = profile.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
      if (!ready || providers.has(profile.spec.provider)) continue;
      try {
        await this.#modelOf(profile).model.warm();
        providers.add(profile.spec.provider);
      } catch (error) {
        // Since it answered, its Secret went away: its status is about to say so.
        if (!(error instanceof ModelUnavailableError)) throw error;
      }
    }
  }

  /** @throws ModelUnavailableError */
  #modelOf(profile: AIProfile): { model: ProfileModel; version: string } {
    const secret = this.#secretOf(profile);
    const version = versionOf(profile, secret);
    try {
      const model = this.#providers.providerFor(profile.spec, secret && apiKey(profile, secret), {
        version,
        credentialHosts: secret && hostsOf(secret),
      });
      return { model, version };
    } catch (error) {
      if (!(error instanceof ProfileError)) throw error;
      throw new ModelUnavailableError(error.reason, `AIProfile ${profile.metadata.name}: ${error.message}`);
    }
  }

  #secretOf(profile: AIProfile): Secret | undefined {
    const ref = profile.spec.credentialSecretRef;
    if (!ref) return undefined;
    const secret = this.#caches.secrets.get(`${profile.metadata.namespace ?? 'default'}/${ref.name}`);
    if (!secret) {
      throw new ModelUnavailableError(
        'SecretNotFound',
        `AIProfile ${profile.metadata.name}: there is no Secret ${ref.name} with the label ${CREDENTIAL_LABEL}.`,
      );
    }
    return secret;
  }
}

function apiKey(profile: AIProfile, secret: Secret): string {
  const key = profile.spec.credentialSecretRef?.key ?? DEFAULT_SECRET_KEY;
  const misuse = misuseOf(secret, 'model', key);
  if (misuse !== undefined) throw new ModelUnavailableError('SecretNotLabelled', `AIProfile ${profile.metadata.name}: ${misuse}`);
  const value = Buffer.from(secret.data?.[key] ?? '', 'base64')
    .toString('utf8')
    .trim();
  if (value === '') {
    throw new ModelUnavailableError(
      'SecretKeyNotFound',
      `AIProfile ${profile.metadata.name}: Secret ${secret.metadata.name} has no key ${key}.`,
    );
  }
  return value;
}
