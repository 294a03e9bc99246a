/** What the form has to know of each provider. */

export const PROVIDERS = ['openai', 'gemini', 'azure', 'ollama', 'anthropic', 'openai-compatible'] as const;
export type ProviderId = (typeof PROVIDERS)[number];

export type ProviderFacts = {
  label: string;
  /** In a few words, for somebody who chooses. */
  about: string;
  key: 'needed' | 'optional';
  /** Where people get a key. */
  keyPage?: { href: string; label: string };
  /** How its keys begin, where they all do. */
  keyPrefix?: string;
  /** Where the API is served. */
  address: {
    label: string;
    hint: string;
    placeholder: string;
    /** `own`: at the provider, unless somebody says otherwise; `usual`: at an address that mostly holds. */
    when: 'needed' | 'usual' | 'own';
  };
  model: { placeholder: string; hint?: string };
  /** Whether OpenAI's two APIs can be chosen from. */
  twoApis: boolean;
  /** Settings of the server's environment that make such a profile. */
  settings: readonly string[];
};

const OWN_ADDRESS = 'Only to go through a proxy or gateway of yours.';

export const FACTS: Readonly<Record<ProviderId, ProviderFacts>> = {
  openai: {
    label: 'OpenAI',
    about: 'GPT models',
    key: 'needed',
    keyPage: { href: 'https://platform.openai.com/api-keys', label: 'platform.openai.com' },
    keyPrefix: 'sk-',
    address: { label: 'Base URL', hint: OWN_ADDRESS, placeholder: 'https://api.openai.com/v1', when: 'own' },
    model: { placeholder: 'gpt-6.2-sol' },
    twoApis: true,
    settings: ['OPENAI_API_KEY'],
  },
  gemini: {
    label: 'Gemini',
    about: 'Google’s models',
    key: 'needed',
    keyPage: { href: 'https://aistudio.google.com/apikey', label: 'aistudio.google.com' },
    keyPrefix: 'AIza',
    address: { label: 'Base URL', hint: OWN_ADDRESS, placeholder: 'https://generativelanguage.googleapis.com', when: 'own' },
    model: { placeholder: 'gemini-3.1-pro-preview' },
    twoApis: false,
    settings: ['GOOGLE_API_KEY'],
  },
  azure: {
    label: 'Azure',
    about: 'OpenAI’s models in your Azure',
    key: 'needed',
    keyPage: { href: 'https://ai.azure.com/', label: 'ai.azure.com' },
    address: {
      label: 'Endpoint',
      hint: 'The resource’s endpoint, as its page in Azure shows it.',
      placeholder: 'https://my-resource.openai.azure.com',
      when: 'needed',
    },
    model: { placeholder: 'gpt-6.2-sol', hint: 'The model behind the deployment; prices and limits go by it.' },
    twoApis: true,
    settings: ['AZURE_OPENAI_API_KEY', 'AZURE_OPENAI_ENDPOINT', 'AZURE_OPENAI_DEPLOYMENT'],
  },
  ollama: {
    label: 'Ollama',
    about: 'Models on your own machines',
    key: 'optional',
    address: {
      label: 'Server address',
      hint: 'As the server of this page reaches it: from a container, localhost is the container itself.',
      placeholder: 'http://127.0.0.1:11434',
      when: 'usual',
    },
    model: { placeholder: 'qwen3-coder:30b', hint: 'As `ollama list` shows it. It has to be able to call tools.' },
    twoApis: false,
    settings: ['OLLAMA_HOST'],
  },
  anthropic: {
    label: 'Anthropic',
    about: 'Claude models',
    key: 'needed',
    keyPage: { href: 'https://console.anthropic.com/settings/keys', label: 'console.anthropic.com' },
    keyPrefix: 'sk-ant-',
    address: { label: 'Base URL', hint: OWN_ADDRESS, placeholder: 'https://api.anthropic.com', when: 'own' },
    model: { placeholder: 'claude-sonnet-5-5' },
    twoApis: false,
    settings: ['ANTHROPIC_API_KEY'],
  },
  'openai-compatible': {
    label: 'OpenAI-compatible',
    about: 'vLLM, OpenRouter …',
    key: 'optional',
    address: {
      label: 'Base URL',
      hint: 'Up to and including /v1, where the server has that.',
      placeholder: 'http://localhost:8080/v1',
      when: 'needed',
    },
    model: { placeholder: 'the name that the server has for it' },
    twoApis: true,
    settings: ['OPENAI_BASE_URL', 'OPENAI_API_KEY'],
  },
};

/** The provider of that name; a newer server may have others. */
export function providerId(name: string): ProviderId | undefined {
  return PROVIDERS.find((one) => one === name);
}

/** What people call it. */
export function providerLabel(name: string): string {
  const id = providerId(name);
  return id ? FACTS[id].label : name;
}

/**
 * Another provider that a key looks like one of, for a word of warning; undefined when nothing speaks against `provider`.
 * Only how the key begins is looked at.
 */
export function otherProviderOf(key: string, provider: ProviderId): ProviderId | undefined {
  const own = FACTS[provider].keyPrefix;
  if (own === undefined) return undefined;
  const named = PROVIDERS.filter((id) => {
    const prefix = FACTS[id].keyPrefix;
    return prefix !== undefined && key.startsWith(prefix);
  });
  const closest = named.toSorted((a, b) => (FACTS[b].keyPrefix?.length ?? 0) - (FACTS[a].keyPrefix?.length ?? 0))[0];
  return closest === undefined || closest === provider ? undefined : closest;
}
