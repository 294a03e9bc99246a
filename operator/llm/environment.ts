/** Ready-made profiles from the settings of the environment: no manifest is needed to begin. Pure. */
import { type AIProfile, API_VERSION, CREDENTIAL_LABEL, GROUP, HOSTS_ANNOTATION, type Secret } from '../api/resources.ts';
import type { AIProfileSpec } from '../api/types.gen.ts';
import names from './model-names.json' with { type: 'json' };
import { OPENAI_BASE_URL } from './openai-connection.ts';

export type ModelSettings = {
  openaiApiKey?: string | undefined;
  openaiBaseUrl?: string | undefined;
  googleApiKey?: string | undefined;
  modelName?: string | undefined;
};

export type EnvironmentProfile = {
  /** Name of the AIProfile and of its Secret. */
  name: string;
  spec: AIProfileSpec;
  /** Absent for a server that wants none. */
  key?: string;
  /** Where the key may be sent. */
  host: string;
};

/** Either list may be empty; both are when nothing is set. Problems are sentences for the user. */
export type EnvironmentProfiles = { profiles: EnvironmentProfile[]; problems: string[] };

/** On objects that come from the environment, so that they go when the setting goes. */
export const ENVIRONMENT_LABEL = `${GROUP}/from-environment`;
const SECRET_KEY = 'apiKey';
/** Keys as examples show them. */
const PLACEHOLDER = /^(sk-)?(your|my|xxx|<|\.\.\.|…)[\w-]*|^sk-(your|xxx|\.\.\.)/i;

/** The profiles that the settings make. `today` (YYYY-MM-DD) decides which models are still served. */
export function profilesFromEnvironment(settings: ModelSettings, today: string): EnvironmentProfiles {
  const [openaiApiKey, openaiBaseUrl, googleApiKey, modelName] = [
    settings.openaiApiKey,
    settings.openaiBaseUrl,
    settings.googleApiKey,
    settings.modelName,
  ].map((value) => value?.trim() || undefined);
  const chosen = modelFor(modelName, openaiBaseUrl, today);
  if (chosen.provider === 'gemini') {
    return problem(
      `MODEL_NAME=${modelName} is a Gemini model, and this build has no Gemini provider yet. Set OPENAI_API_KEY and MODEL_NAME=ops-4.5 (or the name of another OpenAI model), or OPENAI_BASE_URL to a compatible server.`,
    );
  }
  if (openaiBaseUrl !== undefined && !URL.canParse(openaiBaseUrl)) {
    return problem(`OPENAI_BASE_URL=${openaiBaseUrl} is not an address; write it like http://localhost:11434/v1.`);
  }
  const baseUrl = openaiBaseUrl ?? OPENAI_BASE_URL;
  const { protocol, host } = new URL(baseUrl);
  if (protocol !== 'http:' && protocol !== 'https:')
    return problem(`OPENAI_BASE_URL=${baseUrl} must begin with http:// or https://.`);
  const compatible = host !== new URL(OPENAI_BASE_URL).host;
  const placeholder = openaiApiKey !== undefined && PLACEHOLDER.test(openaiApiKey);
  const key = placeholder ? undefined : openaiApiKey;
  if (key === undefined && !compatible) {
    if (placeholder) return problem('OPENAI_API_KEY still holds an example, not a key.');
    if (modelName !== undefined) return problem(`MODEL_NAME=${modelName} needs OPENAI_API_KEY.`);
    if (googleApiKey !== undefined)
      return problem('GOOGLE_API_KEY is set, but this build has no Gemini provider yet. Set OPENAI_API_KEY.');
    return { profiles: [], problems: [] };
  }
  const name = compatible ? 'env-openai-compatible' : 'env-openai';
  const spec: AIProfileSpec = {
    displayName: `${chosen.model} (environment)`,
    provider: compatible ? 'openai-compatible' : 'openai',
    model: chosen.model,
    default: true,
    ...(compatible && { baseUrl }),
    ...(key !== undefined && { credentialSecretRef: { name, key: SECRET_KEY } }),
  };
  return { profiles: [{ name, spec, ...(key !== undefined && { key }), host }], problems: [] };
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

function modelFor(name: string | undefined, baseUrl: string | undefined, today: string): { provider: string; model: string } {
  if (name === undefined) return names.default;
  const choices: readonly { provider: string; model: string; until?: string }[] | undefined = Object.entries(names.names).find(
    ([known]) => known === name.toLowerCase(),
  )?.[1];
  const served = choices?.find((choice) => choice.until === undefined || today <= choice.until);
  if (served) return served;
  // A compatible server may serve anything under any name.
  return { provider: /^gemini/i.test(name) && baseUrl === undefined ? 'gemini' : 'openai', model: name };
}

function problem(text: string): EnvironmentProfiles {
  return { profiles: [], problems: [text] };
}
