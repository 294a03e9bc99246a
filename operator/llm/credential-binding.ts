/** Where a model's key may be sent. Who writes profiles need not be who knows the keys, and an address is easily written. */
import type { AIProfileSpec } from '../api/types.gen.ts';
import { namesHost } from '../credential-secrets.ts';
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
 * no other. Without TLS it goes to hosts that are named with `http://` and to those of this machine or cluster; never to one
 * that a provider serves with TLS.
 * @param hosts `host` or `.below.this` (any port), `host:port`, each also behind a scheme; undefined when the Secret names none
 */
export function mayReceive(address: URL, hosts: readonly string[] | undefined, provider: AIProfileSpec['provider']): boolean {
  const usual = BASE_URLS[provider];
  if (!hosts) return usual !== undefined && new URL(usual).origin === address.origin;
  const named = naming(address, hosts);
  if (address.protocol === 'https:') return named.length > 0;
  return !SECURE_HOSTS.has(address.hostname) && named.some((host) => host.startsWith('http://') || isNear(address));
}

/** The host of an address as a Secret has to name it for a key to go there. */
export function hostEntryOf(address: URL): string {
  return address.protocol === 'https:' || isNear(address) ? address.host : `http://${address.host}`;
}

function naming(address: URL, hosts: readonly string[]): string[] {
  return hosts.filter((host) => namesHost(host, address, 'every port'));
}

/** This machine and Services of the cluster, whose usual names have no dot or end in svc: what is said there is not heard outside. */
function isNear({ hostname }: URL): boolean {
  return (
    /^127\.\d+\.\d+\.\d+$|^\[::1\]$|(^|\.)localhost$|^[a-z0-9_-]+$/.test(hostname) ||
    /\.svc(\.cluster\.local)?$|^host\.docker\.internal$/.test(hostname)
  );
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
  const entry = hostEntryOf(address);
  const where = secret?.namespace === undefined ? '' : ` -n ${secret.namespace}`;
  const annotate = (list: string, options = '') =>
    secret
      ? `: kubectl annotate${options} secret ${secret.name}${where} ${annotation}=${list}`
      : ` with the annotation ${annotation}=${list}`;
  if (hosts && naming(new URL(`https://${address.host}`), hosts).length > 0) {
    const open = `${which} is not sent to ${address.host} without TLS; write https:// in baseUrl`;
    return SECURE_HOSTS.has(address.hostname)
      ? `${open}.`
      : `${open}, or allow it to be read on the way${annotate([...hosts, entry].join(), ' --overwrite')}`;
  }
  if (hosts) {
    const named = hosts.length > 0 ? hosts.join(', ') : 'no host';
    return `${which} is for ${named} (annotation ${annotation}) and is not sent to ${address.host}.`;
  }
  return `${which} names no hosts, so it goes to the provider's own address only, not to ${address.host}. Allow that host${annotate(entry)}`;
}
