/** From a profile to something that can be called. */
import { HOSTS_ANNOTATION } from '../api/resources.ts';
import type { AIProfileSpec } from '../api/types.gen.ts';
import { AnthropicProvider } from './anthropic.ts';
import { AnthropicConnection } from './anthropic-connection.ts';
import { azureConnection } from './azure-connection.ts';
import { BASE_URLS, mayReceive, notSent } from './credential-binding.ts';
import { GeminiProvider } from './gemini.ts';
import { GeminiConnection } from './gemini-connection.ts';
import { type Deadlines, HttpTransport } from './http-transport.ts';
import { OLLAMA_CONTEXT_WINDOW, OllamaProvider } from './ollama.ts';
import { OllamaConnection } from './ollama-connection.ts';
import { OpenAIChatProvider } from './openai-chat.ts';
import { type ConnectionSettings, OpenAIConnection } from './openai-connection.ts';
import { OpenAIResponsesProvider } from './openai-responses.ts';
import { DEFAULT_CONTEXT_WINDOW, knownModel, type Pricing, pricingOf } from './prices.ts';
import { type Probed, type ProbeFacts, probeModel } from './probe.ts';
import type { ModelProvider } from './provider.ts';

export type ProfileModel = {
  provider: ModelProvider;
  model: string;
  /** Tokens, sent and received together. */
  contextWindow: number;
  /** Undefined when nobody knows what a token costs. */
  pricing: Pricing | undefined;
  parameters: NonNullable<AIProfileSpec['parameters']>;
  /** Tries key and model with a few tokens, within a deadline of its own. @throws ModelError, or the signal's reason */
  probe(signal: AbortSignal): Promise<ProbeFacts>;
  /** Loads the SDK ahead of the first call. */
  warm(): Promise<void>;
};

export type ProfileProblemReason = 'UnsupportedProvider' | 'InvalidBaseUrl' | 'CredentialMissing' | 'CredentialNotForHost';

/** The profile cannot be used as it is. `reason` is a condition reason, the message is for people. */
export class ProfileError extends Error {
  override readonly name = 'ProfileError';
  readonly reason: ProfileProblemReason;
  constructor(reason: ProfileProblemReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export type ProfileOptions = {
  /** Changes whenever the profile or its credential does: uid, resourceVersion and the Secret's resourceVersion. */
  version: string;
  /** The only hosts that the key may be sent to (host or host:port); the provider's own when its Secret names none. */
  credentialHosts?: readonly string[] | undefined;
};

/** All that this build has; an object may come from a schema that is newer. */
const SUPPORTED: readonly string[] = ['openai', 'azure', 'gemini', 'ollama', 'anthropic', 'openai-compatible'];
/** Providers that may want no key. */
const KEYLESS: readonly AIProfileSpec['provider'][] = ['openai-compatible', 'ollama'];
/** Profiles kept ready, the least recently used of them dropped first. */
const KEPT = 64;

/** Makes providers and keeps them, so that connections and what was learnt about a server outlive a call. */
export class ModelProviders {
  readonly #transport: HttpTransport;
  readonly #kept = new Map<string, ProfileModel>();

  constructor(options: { deadlines?: Partial<Deadlines>; proxyEnv?: Record<string, string | undefined> } = {}) {
    this.#transport = new HttpTransport(options.deadlines, options.proxyEnv);
  }

  /** @throws ProfileError */
  providerFor(profile: AIProfileSpec, apiKey: string | undefined, options: ProfileOptions): ProfileModel {
    const kept = this.#kept.get(options.version);
    if (kept) {
      this.#kept.delete(options.version);
      this.#kept.set(options.version, kept);
      return kept;
    }
    const made = this.#make(profile, apiKey, options.credentialHosts);
    this.#kept.set(options.version, made);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
    return made;
  }

  /** Closes idle connections. */
  close(): void {
    this.#kept.clear();
    this.#transport.close();
  }

  #make(profile: AIProfileSpec, apiKey: string | undefined, credentialHosts: readonly string[] | undefined): ProfileModel {
    const baseUrl = acceptProfile(profile);
    if (!KEYLESS.includes(profile.provider) && !apiKey) {
      const message = `provider ${profile.provider} needs an API key; name its Secret in credentialSecretRef`;
      throw new ProfileError('CredentialMissing', message);
    }
    const address = new URL(baseUrl);
    const { host } = address;
    if (apiKey && !mayReceive(address, credentialHosts, profile.provider)) {
      throw new ProfileError('CredentialNotForHost', notSent(undefined, address, credentialHosts, HOSTS_ANNOTATION));
    }
    const { provider, connection } = adapterOf(profile, { baseUrl, apiKey, transport: this.#transport });
    const { model, parameters = {} } = profile;
    const { maxOutputTokens: _, api: __, ...asked } = parameters;
    const card = (signal: AbortSignal) => connection.card(model, signal);
    return {
      provider,
      probe: (signal) => probeModel({ provider, host, request: { model, ...asked }, card }, signal),
      warm: () => connection.warm(),
      model,
      contextWindow: contextWindowOf(profile) ?? DEFAULT_CONTEXT_WINDOW,
      pricing: pricingOf(profile),
      parameters,
    };
  }
}

/** What the connections of all providers have in common. */
type Connection = { card(model: string, signal: AbortSignal): ReturnType<Probed['card']>; warm(): Promise<void> };

function adapterOf(profile: AIProfileSpec, settings: ConnectionSettings): { provider: ModelProvider; connection: Connection } {
  const { provider } = profile;
  if (provider === 'anthropic') {
    const connection = new AnthropicConnection(settings);
    return { provider: new AnthropicProvider(connection), connection };
  }
  if (provider === 'gemini') {
    const connection = new GeminiConnection(settings);
    return { provider: new GeminiProvider(connection), connection };
  }
  if (provider === 'ollama') {
    const connection = new OllamaConnection(settings);
    return { provider: new OllamaProvider(connection, contextWindowOf(profile) ?? OLLAMA_CONTEXT_WINDOW), connection };
  }
  const { connection, api } = openaiApi(profile, settings);
  return {
    provider: api === 'responses' ? new OpenAIResponsesProvider(connection) : new OpenAIChatProvider(connection),
    connection,
  };
}

function openaiApi(
  profile: AIProfileSpec,
  settings: ConnectionSettings,
): { connection: OpenAIConnection; api: 'responses' | 'chat' } {
  const { provider, parameters, deployment, apiVersion } = profile;
  if (provider === 'azure') return azureConnection({ ...settings, deployment, apiVersion, api: parameters?.api });
  const connection = new OpenAIConnection(settings);
  return { connection, api: parameters?.api ?? (provider === 'openai' && connection.isOpenAI ? 'responses' : 'chat') };
}

/**
 * The address of a profile that this build can serve.
 * @throws ProfileError
 */
export function acceptProfile(profile: AIProfileSpec): string {
  if (!SUPPORTED.includes(profile.provider)) {
    throw new ProfileError(
      'UnsupportedProvider',
      `this build has no provider ${profile.provider}; it has ${SUPPORTED.join(', ')} (a server that speaks OpenAI's API can be used with openai-compatible and its baseUrl)`,
    );
  }
  const { baseUrl } = profile;
  if (baseUrl === undefined) {
    const usual = BASE_URLS[profile.provider];
    if (usual !== undefined) return usual;
    const example = profile.provider === 'azure' ? 'https://name.openai.azure.com' : 'http://localhost:11434/v1';
    throw new ProfileError('InvalidBaseUrl', `provider ${profile.provider} needs baseUrl, for example ${example}`);
  }
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.username !== '' || url.password !== '') {
    throw new ProfileError(
      'InvalidBaseUrl',
      `baseUrl ${url ? `${url.protocol}//${url.host}` : baseUrl} is not an http(s) address without user and password`,
    );
  }
  return baseUrl;
}

/**
 * The context window to work with, in tokens: what the profile says; else what its server told or is known of the model, up
 * to where its tokens begin to cost more, and at Ollama up to what most machines have memory for. Undefined when nobody knows.
 * @param told what the server says that the model takes
 */
export function contextWindowOf(profile: AIProfileSpec, told?: number): number | undefined {
  if (profile.contextWindow !== undefined) return profile.contextWindow;
  if (profile.provider === 'ollama') return Math.min(OLLAMA_CONTEXT_WINDOW, told ?? OLLAMA_CONTEXT_WINDOW);
  const known = knownModel(profile.model);
  if (!known) return told;
  return Math.min(told ?? known.contextWindow, known.pricing.longContext?.above ?? Number.POSITIVE_INFINITY);
}
