/** Where a model's key may be sent. Who writes profiles need not be who knows the keys, and an address is easily written. */
import type { AIProfileSpec } from '../api/types.gen.ts';
import { ANTHROPIC_BASE_URL } from './anthropic-connection.ts';
import { GEMINI_BASE_URL } from './gemini-connection.ts';
import { OLLAMA_BASE_URL } from './ollama-connection.ts';
import { OPENAI_BASE_URL } from './openai-connection.ts';

/** Where a provider serves its API when the profile does not say. */
export const BASE_URLS: Partial<Record<AIProfileSpec['provider'], string>> = {
  openai: OPENAI_BASE_URL,
  gemini: GEMINI_BASE_URL,
  anthropic: ANTHROPIC_BASE_URL,
  ollama: OLLAMA_BASE_URL,
};

/**
 * Whether a key may go to an address: a host that its Secret names, and where it names none, the provider's own address and
 * no other. To hosts that the providers serve with TLS no key goes in the open.
 * @param hosts `host` (any port of it) or `host:port` each, from the Secret's annotation; undefined when it has none
 */
export function mayReceive(address: URL, hosts: readonly string[] | undefined, provider: AIProfileSpec['provider']): boolean {
  const usual = BASE_URLS[provider];
  if (!hosts) return usual !== undefined && new URL(usual).origin === address.origin;
  return named(address, hosts) && !(address.protocol === 'http:' && SECURE_HOSTS.has(address.hostname));
}

function named({ host, hostname }: URL, hosts: readonly string[]): boolean {
  return hosts.includes(host) || hosts.includes(hostname);
}

const SECURE_HOSTS: ReadonlySet<string> = new Set(
  Object.values(BASE_URLS)
    .map((url) => new URL(url))
    .filter(({ protocol }) => protocol === 'https:')
    .map(({ hostname }) => hostname),
);

/** Why a key is not sent, and what to do when it should be. */
export function notSent(
  secret: { name: string; namespace?: string | undefined } | undefined,
  address: URL,
  hosts: readonly string[] | undefined,
  annotation: string,
): string {
  const which = secret ? `Secret ${secret.name}` : 'the credential';
  if (hosts && named(address, hosts)) return `${which} is not sent to ${address.host} without TLS; write https:// in baseUrl.`;
  if (hosts) return `${which} is for ${hosts.join(', ')} (annotation ${annotation}) and is not sent to ${address.host}.`;
  const command = secret
    ? `: kubectl annotate secret ${secret.name}${secret.namespace ? ` -n ${secret.namespace}` : ''} ${annotation}=${address.host}`
    : ` with the annotation ${annotation}`;
  return `${which} names no hosts, so it goes to the provider's own address only, not to ${address.host}. Allow that host${command}`;
}
