/** Ready-made profiles from the settings of the environment: no manifest is needed to begin. Pure. */
import { type AIProfile, API_VERSION, CREDENTIAL_LABEL, GROUP, HOSTS_ANNOTATION, type Secret } from '../api/resources.ts';
import type { AIProfileSpec } from '../api/types.gen.ts';
import { ANTHROPIC_BASE_URL } from './anthropic-connection.ts';
import { hostEntryOf } from './credential-binding.ts';
import { GEMINI_BASE_URL } from './gemini-connection.ts';
import names from './model-names.json' with { type: 'json' };
import { OPENAI_BASE_URL } from './openai-connection.ts';

export type ModelSettings = {
  openaiApiKey?: string | undefined;
  openaiBaseUrl?: string | undefined;
  googleApiKey?: string | undefined;
  anthropicApiKey?: string | undefined;
  azureApiKey?: string | undefined;
  azureEndpoint?: string | undefined;
  azureDeployment?: string | undefined;
  azureApiVersion?: string | undefined;
  ollamaHost?: string | undefined;
  modelName?: string | undefined;
};

export type EnvironmentProfile = {
  /** Name of the AIProfile and of its Secret. */
  name: string;
  spec: AIProfileSpec;
  /** Absent for a server that wants none. */
  key?: string;
  /** Where the key may be sent, as its Secret names it. */
  host: string;
};

/** Either list may be empty; both are when nothing is set. Problems are sentences for the user. */
export type EnvironmentProfiles = { profiles: EnvironmentProfile[]; problems: string[] };

/** On objects that come from the environment, so that they go when the setting goes. */
export const ENVIRONMENT_LABEL = `${GROUP}/from-environment`;
const SECRET_KEY = 'apiKey';
/** Keys as examples show them. */
const PLACEHOLDER = /^(sk-(ant-)?|AIza-)?(your|my|xxx|<|\.\.\.|…)[\w-]*|^AIza(\.\.\.|…)/i;

/** The kinds of profile that the environment can make, in the order in which one of them becomes the default. */
const KINDS = ['openai', 'gemini', 'anthropic', 'azure', 'ollama'] as const;
type Kind = (typeof KINDS)[number];
/** The setting that a kind cannot do without. */
const NEEDED: Record<Kind, string> = {
  openai: 'OPENAI_API_KEY',
  gemini: 'GOOGLE_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
  azure: 'AZURE_OPENAI_API_KEY',
  ollama: 'OLLAMA_HOST',
};

/** One kind as it is set: ready to become a profile when it has an address, and a key where it needs one. */
type Candidate = {
  kind: Kind;
  provider: AIProfileSpec['provider'];
  baseUrl: string;
  key: string | undefined;
  /** The model where MODEL_NAME names none of this kind. */
  model: string | undefined;
  extra?: Partial<AIProfileSpec>;
};

/** The profiles that the settings make. `today` (YYYY-MM-DD) decides which models are still served. */
export function profilesFromEnvironment(settings: ModelSettings, today: string): EnvironmentProfiles {
  const set = trimmed(settings);
  const problems: string[] = [];
  const found = [openai(set), gemini(set), anthropic(set), azure(set), ollama(set)].filter((one) => one !== undefined);
  const candidates = found.flatMap((one) => {
    if (!('problem' in one)) return [one];
    problems.push(one.problem);
    return [];
  });
  const chosen = set.modelName === undefined ? undefined : modelFor(set.modelName, candidates, today);
  const wanted = chosen?.kind ?? candidates.find(({ model }) => model !== undefined)?.kind;
  const profiles = candidates.flatMap((candidate): EnvironmentProfile[] => {
    const model = candidate.kind === chosen?.kind ? chosen.model : candidate.model;
    if (model === undefined) {
      if (candidate.kind === 'azure')
        problems.push('AZURE_OPENAI_DEPLOYMENT is not set; set it to the name of the deployment to use.');
      // The variable is often there for Ollama itself.
      else if (candidates.length === 1)
        problems.push('OLLAMA_HOST is set; set MODEL_NAME to a model that is there (ollama list).');
      return [];
    }
    return [profileOf(candidate, model, candidate.kind === wanted)];
  });
  if (
    chosen &&
    !candidates.some(({ kind }) => kind === chosen.kind) &&
    !problems.some((text) => text.includes(NEEDED[chosen.kind]))
  )
    problems.push(`MODEL_NAME=${set.modelName} needs ${NEEDED[chosen.kind]}.`);
  // An example that was left beside a real key says nothing about what the user wants.
  const examples = new Set(KINDS.filter((kind) => kind !== chosen?.kind).map((kind) => exampleOf(NEEDED[kind])));
  return {
    profiles,
    problems: profiles.some(({ spec }) => spec.default) ? problems.filter((one) => !examples.has(one)) : problems,
  };
}

/** The same as objects of the API, to be applied; whatever else carries ENVIRONMENT_LABEL is to be deleted. */
export function environmentObjects(
  settings: ModelSettings,
  where: { namespace: string; today: string },
): { profiles: AIProfile[]; secrets: Secret[]; problems: string[] } {
  const { profiles, problems } = profilesFromEnvironment(settings, where.today);
  const metadata = (name: string) => ({ name, namespace: where.namespace });
  return {
    profiles: profiles.map(({ name, spec }) => ({
      apiVersion: API_VERSION,
      kind: 'AIProfile',
      metadata: { ...metadata(name), labels: { [ENVIRONMENT_LABEL]: 'true' } },
      spec,
    })),
    secrets: profiles.flatMap(({ name, key, host }) =>
      key === undefined
        ? []
        : [
            {
              apiVersion: 'v1',
              kind: 'Secret',
              metadata: {
                ...metadata(name),
                labels: { [ENVIRONMENT_LABEL]: 'true', [CREDENTIAL_LABEL]: 'model' },
                annotations: { [HOSTS_ANNOTATION]: host },
              },
              type: 'Opaque',
              data: { [SECRET_KEY]: Buffer.from(key).toString('base64') },
            },
          ],
    ),
    problems,
  };
}

function profileOf({ provider, baseUrl, key, extra }: Candidate, model: string, isDefault: boolean): EnvironmentProfile {
  const name = `env-${provider}`;
  const spec: AIProfileSpec = {
    displayName: `${model} (environment)`,
    provider,
    model,
    default: isDefault,
    ...extra,
    ...(key !== undefined && { credentialSecretRef: { name, key: SECRET_KEY } }),
  };
  return { name, spec, ...(key !== undefined && { key }), host: hostEntryOf(new URL(baseUrl)) };
}

type Found = Candidate | { problem: string } | undefined;

function openai({ openaiApiKey, openaiBaseUrl }: ModelSettings): Found {
  if (openaiBaseUrl !== undefined && !URL.canParse(openaiBaseUrl)) {
    return { problem: `OPENAI_BASE_URL=${openaiBaseUrl} is not an address; write it like http://localhost:11434/v1.` };
  }
  const baseUrl = openaiBaseUrl ?? OPENAI_BASE_URL;
  const { protocol, host } = new URL(baseUrl);
  if (protocol !== 'http:' && protocol !== 'https:')
    return { problem: `OPENAI_BASE_URL=${baseUrl} must begin with http:// or https://.` };
  const compatible = host !== new URL(OPENAI_BASE_URL).host;
  const key = realKey(openaiApiKey);
  if (key === undefined && !compatible) return missing(openaiApiKey, 'openai');
  const provider = compatible ? 'openai-compatible' : 'openai';
  return { kind: 'openai', provider, baseUrl, key, model: names.default.openai, ...(compatible && { extra: { baseUrl } }) };
}

function gemini({ googleApiKey }: ModelSettings): Found {
  const key = realKey(googleApiKey);
  if (key === undefined) return missing(googleApiKey, 'gemini');
  return { kind: 'gemini', provider: 'gemini', baseUrl: GEMINI_BASE_URL, key, model: names.default.gemini };
}

function anthropic({ anthropicApiKey }: ModelSettings): Found {
  const key = realKey(anthropicApiKey);
  if (key === undefined) return missing(anthropicApiKey, 'anthropic');
  return { kind: 'anthropic', provider: 'anthropic', baseUrl: ANTHROPIC_BASE_URL, key, model: names.default.anthropic };
}

function azure({ azureApiKey, azureEndpoint, azureDeployment, azureApiVersion }: ModelSettings): Found {
  const key = realKey(azureApiKey);
  if (key === undefined) {
    return azureEndpoint === undefined || azureApiKey !== undefined
      ? missing(azureApiKey, 'azure')
      : { problem: 'AZURE_OPENAI_ENDPOINT is set, but not AZURE_OPENAI_API_KEY.' };
  }
  if (azureEndpoint === undefined)
    return { problem: 'AZURE_OPENAI_API_KEY needs AZURE_OPENAI_ENDPOINT, such as https://name.openai.azure.com.' };
  if (!isAddress(azureEndpoint))
    return {
      problem: `AZURE_OPENAI_ENDPOINT=${withoutPassword(azureEndpoint)} is not an address; write it like https://name.openai.azure.com.`,
    };
  const extra: Partial<AIProfileSpec> = {
    baseUrl: azureEndpoint,
    ...(azureDeployment !== undefined && { deployment: azureDeployment }),
    ...(azureApiVersion !== undefined && { apiVersion: azureApiVersion }),
  };
  return { kind: 'azure', provider: 'azure', baseUrl: azureEndpoint, key, model: azureDeployment, extra };
}

function ollama({ ollamaHost }: ModelSettings): Found {
  if (ollamaHost === undefined) return undefined;
  const baseUrl = ollamaAddress(ollamaHost);
  if (baseUrl === undefined)
    return {
      problem: `OLLAMA_HOST=${withoutPassword(ollamaHost)} is not an address; write it like localhost:11434 or http://gpu.example.com:11434.`,
    };
  return { kind: 'ollama', provider: 'ollama', baseUrl, key: undefined, model: undefined, extra: { baseUrl } };
}

/** Ollama takes an address without scheme or port, and means this machine by the one that it listens on everywhere with. */
function ollamaAddress(host: string): string | undefined {
  const text = /^https?:\/\//i.test(host) ? host : `http://${host}`;
  if (!isAddress(text)) return undefined;
  const url = new URL(text);
  if (url.hostname === '0.0.0.0' || url.hostname === '[::]') url.hostname = '127.0.0.1';
  if (url.port === '' && !/^https?:\/\//i.test(host)) url.port = '11434';
  return url.href.replace(/\/+$/, '');
}

/** Of http or https, and without user and password. */
function isAddress(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}

function withoutPassword(address: string): string {
  return address.replace(/^(\w+:\/\/)?.*@/, '$1***@');
}

function realKey(key: string | undefined): string | undefined {
  return key === undefined || PLACEHOLDER.test(key) ? undefined : key;
}

function missing(key: string | undefined, kind: Kind): Found {
  return key === undefined ? undefined : { problem: exampleOf(NEEDED[kind]) };
}

function exampleOf(setting: string): string {
  return `${setting} still holds an example, not a key.`;
}

function trimmed(settings: ModelSettings): ModelSettings {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, value?.trim() || undefined]));
}

function modelFor(name: string, candidates: readonly Candidate[], today: string): { kind: Kind; model: string } {
  const choices: readonly { provider: string; model: string; until?: string }[] | undefined = Object.entries(names.names).find(
    ([known]) => known === name.toLowerCase(),
  )?.[1];
  const served = choices?.find((choice) => choice.until === undefined || today <= choice.until);
  if (served) return { kind: served.provider === 'gemini' ? 'gemini' : 'openai', model: served.model };
  const has = (kind: Kind) => candidates.some((candidate) => candidate.kind === kind);
  // A compatible server may serve anything under any name, and so may Ollama, whose names have a colon.
  if (candidates.some(({ provider }) => provider === 'openai-compatible')) return { kind: 'openai', model: name };
  if (has('ollama') && name.includes(':')) return { kind: 'ollama', model: name };
  if (/^gemini/i.test(name)) return { kind: 'gemini', model: name };
  if (/^claude/i.test(name)) return { kind: 'anthropic', model: name };
  if (has('openai')) return { kind: 'openai', model: name };
  return { kind: has('azure') ? 'azure' : has('ollama') ? 'ollama' : 'openai', model: name };
}
