/** What git says when it fails, turned into a reason and a sentence for the person who named the repository. Pure. */
import { errorCode } from '../../error-code.ts';
import { mayReceive } from './credentials.ts';
import { type GitCredential, GitError, type GitErrorReason } from './git.ts';
import { type RepositoryUrl, redactUrl } from './repository-url.ts';
import type { GitResult } from './run-git.ts';

export type Access = { remote: RepositoryUrl; credential: GitCredential | undefined };

type Rule = { pattern: RegExp; reason: GitErrorReason; transient?: boolean; message: (shown: string, access: Access) => string };

/** In order; the first that matches says it. The texts are those of git, libcurl and OpenSSH in the C locale. */
const RULES: readonly Rule[] = [
  {
    pattern: /No space left on device|Disk quota exceeded|ENOSPC/i,
    reason: 'StorageFull',
    message: (shown) => `the disk is full: ${shown} cannot be copied`,
  },
  {
    pattern: /Authentication failed for/i,
    reason: 'AuthenticationFailed',
    message: (shown, access) =>
      wasSent(access)
        ? `${shown} refused the credential: the token is wrong, expired or not for this repository`
        : `${shown} refused access`,
  },
  {
    pattern: /could not read (?:Username|Password)|terminal prompts disabled/i,
    reason: 'AuthenticationFailed',
    message: (shown, access) =>
      wasSent(access)
        ? `${shown} refused the credential: the token is wrong, expired or not for this repository`
        : `${shown} does not exist or is private, and no credential was given for it: set GIT_TOKEN or repository.credentialsSecretRef`,
  },
  {
    pattern: /The requested URL returned error: (?:401|403)|HTTP 40[13]/i,
    reason: 'AuthenticationFailed',
    message: (shown, access) =>
      wasSent(access)
        ? `${shown} refused the credential: the token has no right to do this`
        : `${shown} refused access, and no credential was given for it: set GIT_TOKEN or repository.credentialsSecretRef`,
  },
  {
    pattern: /Permission denied \((?:publickey|password|keyboard)/i,
    reason: 'AuthenticationFailed',
    message: (shown) => `${shown} refused the ssh key: no key of the operator's user or its agent is accepted there`,
  },
  {
    pattern: /Host key verification failed/i,
    reason: 'AuthenticationFailed',
    message: (shown) => `the ssh host key of ${shown} is not known: add it to known_hosts of the operator's user`,
  },
  {
    pattern:
      /repository '?[^']*'? not found|Repository not found|returned error: 404|does not appear to be a git repository|not a git repository/i,
    reason: 'RepositoryNotFound',
    message: (shown, access) =>
      wasSent(access)
        ? `there is no git repository at ${shown}, or the token may not see it`
        : `there is no git repository at ${shown}${access.remote.transport === 'local' ? '' : ', or it is private'}`,
  },
  {
    pattern: /detected dubious ownership/i,
    reason: 'RepositoryNotFound',
    message: (shown) => `${shown} belongs to another user, and this version of git does not read it`,
  },
  {
    pattern: /couldn't find remote ref|Could not find remote branch|not our ref/i,
    reason: 'RefNotFound',
    message: (shown) => `${shown} does not have the ref any more`,
  },
  {
    pattern: /SSL certificate problem|certificate verif|server certificate|unable to get local issuer/i,
    reason: 'Unreachable',
    message: (shown) => `the TLS certificate of ${shown} is not trusted; a private authority is named by SSL_CERT_FILE`,
  },
  {
    pattern: /transport '[^']*' not allowed|Protocol ".*" (?:not supported|disabled)/i,
    reason: 'TransportNotAllowed',
    message: (shown) => `${shown} leads to a transport that is not allowed`,
  },
  {
    pattern:
      /Could not resolve|Failed to connect|Couldn't connect|Connection (?:refused|timed out|reset|closed)|Operation (?:timed out|too slow)|Network is unreachable|No route to host|returned error: (?:429|5\d\d)|early EOF|hung up unexpectedly|unexpected disconnect|Empty reply|Recv failure|curl \d+/i,
    reason: 'Unreachable',
    transient: true,
    message: (shown) => `${shown} cannot be reached now`,
  },
];

/** The error for a git command that spoke to a remote and failed. */
export function remoteFailure(what: string, result: GitResult, access: Access): GitError {
  const shown = redactUrl(access.remote.location);
  const rule = RULES.find(({ pattern }) => pattern.test(result.stderr));
  // Nothing comes between the operator and a folder: what fails there fails again.
  if (!rule || (rule.transient && access.remote.transport === 'local')) return localFailure(`${what} of ${shown}`, result);
  const withheld = rule.reason === 'AuthenticationFailed' ? whyWithheld(access, result) : undefined;
  if (withheld) return new GitError('HostNotAllowed', `${shown} ${withheld}`);
  return new GitError(rule.reason, `${rule.message(shown, access)}${detail(rule, result)}`, {
    transient: rule.transient ?? false,
  });
}

/** The error for a git command on the operator's own repositories that failed. */
export function localFailure(what: string, result: GitResult): GitError {
  if (/No space left on device|Disk quota exceeded|ENOSPC/i.test(result.stderr)) {
    return new GitError('StorageFull', `${what}: the disk is full`);
  }
  return new GitError('GitFailed', `${what} failed (git exit code ${result.exitCode}): ${lastLines(result.stderr)}`);
}

/** A failure of the operator's own files, for example a full disk. */
export function fileFailure(what: string, error: unknown): GitError {
  if (error instanceof GitError) return error;
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new GitError('StorageFull', `${what}: the disk is full`, { cause: error });
  return new GitError('GitFailed', `${what} failed: ${Error.isError(error) ? error.message : String(error)}`, { cause: error });
}

function wasSent(access: Access): boolean {
  return access.credential !== undefined && mayReceive(access.credential, access.remote);
}

/** Why a credential was there and yet not sent, when that was so. */
function whyWithheld({ remote, credential }: Access, result: GitResult): string | undefined {
  if (!credential || remote.transport === 'ssh') return undefined;
  const hosts = credential.hosts.join(', ');
  if (remote.transport !== 'https') return 'asks for a credential, but a token is sent over https only';
  if (!mayReceive(credential, remote))
    return `asks for a credential, but the token may be sent to ${hosts} only, which ${remote.host} is not`;
  const asking = /could not read Username for 'https?:\/\/([^/']*)/.exec(result.stderr)?.[1];
  if (asking === undefined || asking === remote.host) return undefined;
  return `sends on to ${asking}, where the token is not sent: use the URL it has there, if that host is to be trusted`;
}

/** git's own words where they tell more than ours. */
function detail(rule: Rule, result: GitResult): string {
  return rule.reason === 'Unreachable' ? ` (${lastLines(result.stderr)})` : '';
}

function lastLines(stderr: string): string {
  const lines = stderr
    .split(/[\r\n]+/)
    .filter(
      (line) => line !== '' && !/^(?:remote: )?(?:Counting|Compressing|Receiving|Resolving|Enumerating|Total|hint:)/.test(line),
    );
  const text = lines.slice(-4).join(' / ');
  return text.length > 600 ? `${text.slice(0, 597)}...` : text;
}
