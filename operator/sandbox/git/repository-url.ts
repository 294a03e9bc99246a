/** Which repository URLs and ref names are taken, and how a URL is shown. Pure. */
import { resolve } from 'node:path';
import { GitError } from './git.ts';

export type RepositoryUrl = {
  transport: 'https' | 'http' | 'ssh' | 'local';
  /** What git is given: a URL without credential, or an absolute path. Never begins with a dash. */
  location: string;
  /** Host in lower case, with the port when it is not the transport's own. Empty for a local path. */
  host: string;
};

export type UrlRules = {
  /** Whether file URLs and paths are taken: only where the operator runs on the user's own machine. */
  allowLocal: boolean;
  /** What a relative path is relative to; the process's directory when left out. */
  cwd?: string;
};

/**
 * The repository that a user's text names.
 * @throws GitError InvalidURL or TransportNotAllowed. The message never repeats a credential.
 */
export function parseRepositoryUrl(text: string, rules: UrlRules): RepositoryUrl {
  const shown = redactUrl(text);
  if (text.trim() === '') throw new GitError('InvalidURL', 'repository.url is empty: give the URL of a git repository');
  if (text.length > 2048) throw new GitError('InvalidURL', 'repository.url is longer than 2048 characters');
  if (hasControl(text)) throw new GitError('InvalidURL', `repository.url "${shown}" has a control character in it`);
  if (text.startsWith('-'))
    throw new GitError('InvalidURL', `repository.url "${shown}" begins with a dash: git would read an option`);
  const helper = /^([A-Za-z0-9+.-]+)::/.exec(text);
  if (helper) throw notAllowed(`repository.url uses the transport helper "${helper[1]}::"`, rules);
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'https':
    case 'http':
      return parseHttp(text, scheme, shown, rules);
    case 'ssh':
      return parseSsh(text, shown);
    case 'file':
      return parseFile(text, shown, rules);
    case undefined:
      return isPath(text) ? parsePath(text, shown, rules) : parseScpLike(text, shown);
    default:
      throw notAllowed(`repository.url "${shown}" uses ${scheme}://`, rules);
  }
}

/**
 * The URL without user (but for ssh's customary git@), password, query and control characters: fit for a log, a status and
 * an error. At most 300 characters.
 */
export function redactUrl(text: string): string {
  let shown = '';
  for (const character of text) shown += hasControl(character) ? '\ufffd' : character;
  const [, scheme = '', rest = ''] = /^((?:[A-Za-z][A-Za-z0-9+.-]*:)?\/\/)?(.*)$/s.exec(shown) ?? [];
  const authority = rest.replace(/\/.*$/s, '');
  // A colon that no port follows is a password's, and the password may have a slash in it: then its end is the last @ of all.
  const password = scheme !== '' && /^[^[]*:(?!\d*$)/.test(authority);
  const at = authority.includes('@') ? authority.lastIndexOf('@') : password ? rest.lastIndexOf('@') : -1;
  const keepsUser = rest.startsWith('git@') && at === 3 && (scheme === '' || scheme.toLowerCase() === 'ssh://');
  const located = keepsUser ? rest : rest.slice(at + 1);
  const result = `${scheme}${scheme === '' ? located : located.replace(/[?#].*$/s, '')}`;
  return result.length > 300 ? `${result.slice(0, 297)}...` : result;
}

/** Why git would not take the name for a branch or tag (the rules of git check-ref-format, and no leading dash); undefined when it would. */
export function refNameProblem(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name.length > 255) return 'is longer than 255 characters';
  if (name.startsWith('-')) return 'begins with a dash';
  if (hasControl(name)) return 'has a control character in it';
  const bad = /[ ~^:?*[\\]/.exec(name);
  if (bad) return `has "${bad[0]}" in it`;
  if (name.includes('..')) return 'has ".." in it';
  if (name.includes('@{') || name === '@') return 'uses "@" as an operator';
  if (name.startsWith('/') || name.endsWith('/') || name.includes('//')) return 'has an empty part between slashes';
  if (name.endsWith('.')) return 'ends with a dot';
  const parts = name.split('/');
  if (parts.some((part) => part.startsWith('.'))) return 'has a part that begins with a dot';
  if (parts.some((part) => part.endsWith('.lock'))) return 'has a part that ends with ".lock"';
  return undefined;
}

function parseHttp(text: string, transport: 'https' | 'http', shown: string, rules: UrlRules): RepositoryUrl {
  const url = parse(text, shown);
  refuseUserInfo(url, text);
  if (url.search !== '' || url.hash !== '') {
    throw new GitError('InvalidURL', `repository.url "${shown}" must not have a query or a fragment`);
  }
  if (url.pathname === '' || url.pathname === '/') {
    throw new GitError('InvalidURL', `repository.url "${shown}" names a host but no repository on it`);
  }
  if (transport === 'http' && !isLoopback(url.hostname)) {
    throw notAllowed(`repository.url "${shown}" uses http, which anybody on the way can read and change; use https`, rules);
  }
  return { transport, location: url.href, host: url.host };
}

function parseSsh(text: string, shown: string): RepositoryUrl {
  const url = parse(text, shown);
  if (url.password !== '') refuseUserInfo(url, text);
  if (!/^[A-Za-z0-9._-]*$/.test(url.username) || url.username.startsWith('-')) {
    throw new GitError('InvalidURL', `repository.url "${shown}" has a user name that ssh would misread`);
  }
  if (!isHost(url.hostname)) throw new GitError('InvalidURL', `repository.url "${shown}" has no valid host`);
  if (url.search !== '' || url.hash !== '' || url.pathname === '' || url.pathname === '/') {
    throw new GitError('InvalidURL', `repository.url "${shown}" names no repository on the host`);
  }
  return { transport: 'ssh', location: url.href, host: url.host.toLowerCase() };
}

function parseScpLike(text: string, shown: string): RepositoryUrl {
  const match = /^(?:([A-Za-z0-9._][A-Za-z0-9._-]*)@)?(\[[0-9A-Fa-f:.]+\]|[^/:@[\]\s]+):([^\s]+)$/.exec(text);
  const [, user = '', host = '', path = ''] = match ?? [];
  // user:token@host/path is a credential in a URL that lost its https://
  if (/^[^/]*@/.test(path) || (!match && /:[^/]*@/.test(text))) throw credentialInUrl();
  if (!match || !isHost(host) || path.startsWith('-')) {
    throw new GitError(
      'InvalidURL',
      `repository.url "${shown}" is not a repository URL: write https://host/path, ssh://user@host/path or user@host:path`,
    );
  }
  return { transport: 'ssh', location: `${user === '' ? '' : `${user}@`}${host}:${path}`, host: host.toLowerCase() };
}

function parseFile(text: string, shown: string, rules: UrlRules): RepositoryUrl {
  if (!rules.allowLocal) throw notAllowed(`repository.url "${shown}" is a file URL`, rules);
  const url = parse(text, shown);
  if (url.host !== '' && url.host !== 'localhost') {
    throw new GitError('InvalidURL', `repository.url "${shown}" must be file:///absolute/path`);
  }
  try {
    return parsePath(decodeURIComponent(url.pathname), shown, rules);
  } catch (error) {
    if (error instanceof GitError) throw error;
    throw new GitError('InvalidURL', `repository.url "${shown}" has a broken % sequence`, { cause: error });
  }
}

function parsePath(path: string, shown: string, rules: UrlRules): RepositoryUrl {
  if (!rules.allowLocal) throw notAllowed(`repository.url "${shown}" is a local path`, rules);
  if (hasControl(path)) throw new GitError('InvalidURL', `repository.url "${shown}" has a control character in it`);
  if (path.startsWith('~')) {
    throw new GitError('InvalidURL', `repository.url "${shown}": ~ is not expanded; write the whole path`);
  }
  return { transport: 'local', location: resolve(rules.cwd ?? process.cwd(), path), host: '' };
}

/** git's own rule: a colon before the first slash makes it a host. */
function isPath(text: string): boolean {
  return !/^[^/]*:/.test(text) && !/^[^/]*@/.test(text);
}

function parse(text: string, shown: string): URL {
  if (/[\s\\]/.test(text) || /%(?:[01][0-9a-f]|7f)/i.test(text)) {
    throw new GitError('InvalidURL', `repository.url "${shown}" has a space, backslash or encoded control character in it`);
  }
  try {
    return new URL(text);
  } catch (error) {
    throw new GitError('InvalidURL', `repository.url "${shown}" is not a valid URL`, { cause: withoutInput(error) });
  }
}

/** Node's own error repeats the URL, credential included. */
function withoutInput(error: unknown): Error {
  return new Error(Error.isError(error) ? error.message : 'not a URL');
}

function refuseUserInfo(url: URL, text: string): void {
  if (url.username !== '' || url.password !== '' || /^[a-z]+:\/\/[^/]*@/i.test(text)) throw credentialInUrl();
}

function credentialInUrl(): GitError {
  return new GitError(
    'InvalidURL',
    'repository.url has a credential in it: remove it, and give the token as GIT_TOKEN or in a Secret named by repository.credentialsSecretRef',
  );
}

function notAllowed(what: string, rules: UrlRules): GitError {
  const allowed = rules.allowLocal ? 'https, ssh, file URLs and local paths' : 'https and ssh';
  return new GitError('TransportNotAllowed', `${what}; allowed here: ${allowed}`);
}

function isHost(host: string): boolean {
  return /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)$/.test(host);
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
