/** The engine's view of the profiles: which a role may use, and each ready to be called with its key. */
import { type AgentSession, type AIProfile, CREDENTIAL_LABEL, HOSTS_ANNOTATION, type Secret } from '../api/resources.ts';
import type { ConversationRole } from '../engine/event-parts.ts';
import { type ModelBinding, type ModelDirectory, ModelUnavailableError } from '../engine/ports.ts';
import type { Pricing } from '../llm/prices.ts';
import { type ModelProviders, ProfileError } from '../llm/profiles.ts';
import type { ModelProvider } from '../llm/provider.ts';
import type { Caches } from './caches.ts';
import { type ModelFindings, versionOf } from './model-findings.ts';
import { resolveProfile } from './profile-resolution.ts';
import { DEFAULT_SECRET_KEY } from './profile-status.ts';

/** Measures the calls of a model. */
export interface ModelMeter {
  measured(of: { provider: string; model: string; pricing: Pricing | undefined }, provider: ModelProvider): ModelProvider;
}

export class ProfileModels implements ModelDirectory {
  readonly #caches: Pick<Caches, 'profiles' | 'secrets'>;
  readonly #providers: ModelProviders;
  readonly #findings: ModelFindings;
  readonly #meter: ModelMeter | undefined;

  constructor(
    caches: Pick<Caches, 'profiles' | 'secrets'>,
    providers: ModelProviders,
    findings: ModelFindings,
    meter?: ModelMeter,
  ) {
    this.#caches = caches;
    this.#providers = providers;
    this.#findings = findings;
    this.#meter = meter;
  }

  chain(session: AgentSession, role: ConversationRole): readonly string[] {
    const resolution = resolveProfile(session, this.#caches.profiles.list(session.metadata.namespace), role);
    return resolution.ok ? resolution.chain : [];
  }

  async bind(session: AgentSession, name: string): Promise<ModelBinding> {
    const key = `${session.metadata.namespace ?? 'default'}/${name}`;
    const profile = this.#caches.profiles.get(key);
    if (!profile)
      throw new ModelUnavailableError(
        'ProfileNotFound',
        `AIProfile ${name} does not exist any more; create it again and resume.`,
      );
    const secret = this.#secretOf(profile);
    const version = versionOf(profile, secret);
    try {
      const model = this.#providers.providerFor(profile.spec, secret && apiKey(profile, secret), {
        version,
        credentialHosts: secret?.metadata.annotations?.[HOSTS_ANNOTATION]?.split(',').map((host) => host.trim()),
      });
      const watched = this.#findings.watched(key, version, model.provider);
      const provider = this.#meter?.measured({ ...model, provider: profile.spec.provider }, watched) ?? watched;
      return { profile: name, ...model, provider };
    } catch (error) {
      if (error instanceof ProfileError) throw new ModelUnavailableError(error.reason, `AIProfile ${name}: ${error.message}`);
      throw error;
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
  const value = Buffer.from(secret.data?.[key] ?? '', 'base64')
    .toString('utf8')
    .trim();
  if (value === '') {
    throw new ModelUnavailableError(
      'SecretKeyMissing',
      `AIProfile ${profile.metadata.name}: Secret ${secret.metadata.name} has no key ${key}.`,
    );
  }
  return value;
}
