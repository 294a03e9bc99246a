/** Git credentials from the environment's values or a Secret, each bound to the hosts it may be sent to. Pure. */
import { CREDENTIAL_LABEL, HOSTS_ANNOTATION, type Secret } from '../../api/resources.ts';
import { GIT_TOKEN_ENTRY, isHost, misuseOf, namesHost, splitHosts } from '../../credential-secrets.ts';
import { type GitCredential, GitError } from './git.ts';
import type { RepositoryUrl } from './repository-url.ts';

/** GitHub takes any name with a token and asks for this one with the token of an app; other hosts take any. */
const DEFAULT_USERNAME = 'x-access-token';
const DEFAULT_HOSTS = 'github.com';

/**
 * The credential of GIT_TOKEN, for the hosts of GIT_TOKEN_HOSTS (separated by commas, github.com when unset). undefined
 * without a token.
 * @throws GitError HostNotAllowed when the hosts are none or not host names, AuthenticationFailed when the token cannot be one
 */
export function credentialFromSettings(values: { token?: string; username?: string; hosts?: string }): GitCredential | undefined {
  if (values.token === undefined || values.token.trim() === '') return undefined;
  const hosts = values.hosts === undefined || values.hosts.trim() === '' ? DEFAULT_HOSTS : values.hosts;
  return credential('GIT_TOKEN', values.token, values.username, parseHosts('GIT_TOKEN_HOSTS', hosts));
}

/**
 * The credential of a Secret: keys token and optionally username, annotation sweagent.dev/hosts, label sweagent.dev/credential.
 * @throws GitError AuthenticationFailed or HostNotAllowed, naming what the Secret lacks
 */
export function credentialFromSecret(secret: Secret): GitCredential {
  const name = `Secret ${secret.metadata.name}`;
  if (secret.metadata.labels?.[CREDENTIAL_LABEL] === undefined) {
    throw new GitError('AuthenticationFailed', `${name} is not labelled ${CREDENTIAL_LABEL}, so it is not read`);
  }
  const misuse = misuseOf(secret, 'git', GIT_TOKEN_ENTRY);
  if (misuse !== undefined) throw new GitError('AuthenticationFailed', misuse);
  const token = decode(secret.data?.[GIT_TOKEN_ENTRY]);
  if (token === '') throw new GitError('AuthenticationFailed', `${name} has no key "${GIT_TOKEN_ENTRY}"`);
  const hosts = secret.metadata.annotations?.[HOSTS_ANNOTATION];
  if (hosts === undefined) {
    throw new GitError(
      'HostNotAllowed',
      `${name} does not say which hosts its token may be sent to: annotate it with ${HOSTS_ANNOTATION}, for example github.com`,
    );
  }
  return credential(name, token, decode(secret.data?.username), parseHosts(`annotation ${HOSTS_ANNOTATION} of ${name}`, hosts));
}

/**
 * Whether the credential may be sent to the repository: https only, and its host (with its port unless that is 443) is named,
 * or lies below a name that begins with a dot.
 */
export function mayReceive(credential: GitCredential, url: RepositoryUrl): boolean {
  if (url.transport !== 'https') return false;
  const address = new URL(`https://${url.host}`);
  return credential.hosts.some((host) => namesHost(host, address, 'usual port'));
}

function credential(source: string, token: string, username: string | undefined, hosts: string[]): GitCredential {
  const value = { username: username?.trim() || DEFAULT_USERNAME, token: token.trim(), hosts };
  for (const text of [value.username, value.token]) {
    if (!/^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(text)) {
      throw new GitError(
        'AuthenticationFailed',
        `the token or user name of ${source} has characters in it that no credential has`,
      );
    }
  }
  return value;
}

function parseHosts(source: string, text: string): string[] {
  const hosts = splitHosts(text);
  if (hosts.length === 0) throw new GitError('HostNotAllowed', `${source} names no host, so the token cannot be used anywhere`);
  for (const host of hosts) {
    // What git speaks with a token is https anyway.
    if (!isHost(host) || host.includes('://')) {
      throw new GitError(
        'HostNotAllowed',
        `${source} names "${host}", which is not a host: write github.com, git.example.com:8443 or .example.com`,
      );
    }
  }
  return hosts;
}

function decode(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64')
    .toString('utf8')
    .trim();
}
