/**
 * Credentials in Secrets: what each is for, and the hosts that it may be sent to. Git tokens and the keys of models follow
 * the same rules, which are here. Pure.
 */
import { CREDENTIAL_LABEL, HOSTS_ANNOTATION, type Secret } from './api/resources.ts';

export type Purpose = 'git' | 'model';

/** Entry of a Secret that holds a git token. */
export const GIT_TOKEN_ENTRY = 'token';

const USES: Record<Purpose, string> = { git: 'a git token', model: 'the key of a model' };

/**
 * Why an entry of a labelled Secret does not serve a purpose, and what to do when it should; undefined when it does serve.
 * The label's value is the purpose. Where it is none (empty, `true`), the entry tells: `token` is git's, any other a model's.
 */
export function misuseOf({ metadata }: Secret, purpose: Purpose, entry: string): string | undefined {
  const label = metadata.labels?.[CREDENTIAL_LABEL] ?? '';
  const said = label === 'git' || label === 'model' ? label : undefined;
  if ((said ?? (entry === GIT_TOKEN_ENTRY ? 'git' : 'model')) === purpose) return undefined;
  const why = said ? `is labelled ${CREDENTIAL_LABEL}=${said}` : `holds a git token in ${entry}, as its label says nothing else`;
  const namespace = metadata.namespace === undefined ? '' : ` -n ${metadata.namespace}`;
  const command = `kubectl label --overwrite secret ${metadata.name}${namespace} ${CREDENTIAL_LABEL}=${purpose}`;
  return `Secret ${metadata.name} ${why}, so it is not used as ${USES[purpose]}. Name another, or say what it is for: ${command}`;
}

/** The hosts that a Secret names; undefined when it has no annotation. */
export function hostsOf({ metadata }: Secret): string[] | undefined {
  const text = metadata.annotations?.[HOSTS_ANNOTATION];
  return text === undefined ? undefined : splitHosts(text);
}

/** Hosts that are separated by commas, in lower case. */
export function splitHosts(text: string): string[] {
  return text
    .split(',')
    .map((host) => host.trim().toLowerCase())
    .filter((host) => host !== '');
}

const HOST = /^(?:(https?:)\/\/)?(\.?(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?))(?::(\d{1,5}))?$/;
const PORTS: Record<string, string> = { 'http:': '80', 'https:': '443' };

/** Whether it names a host: `host`, `host:port`, `.below.this`, each also behind `https://` or `http://`. */
export function isHost(text: string): boolean {
  return HOST.test(text);
}

/**
 * Whether a host of a list is the one of an address. `http://` in front of it allows both schemes, `https://` that alone;
 * what a host without either allows is for the caller to say.
 * @param plain the ports that a host without one stands for: every, or that of the scheme
 */
export function namesHost(host: string, { protocol, hostname, port }: URL, plain: 'every port' | 'usual port'): boolean {
  const [, scheme, name = '', number] = HOST.exec(host) ?? [];
  if (name === '' || (scheme === 'https:' && protocol !== scheme)) return false;
  if (name.startsWith('.') ? !hostname.endsWith(name) : hostname !== name) return false;
  const asked = port || PORTS[protocol];
  return number === undefined ? plain === 'every port' || asked === PORTS[protocol] : asked === number;
}
