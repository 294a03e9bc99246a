/** The environment of commands: a short list of the operator's variables, what makes tools quiet, and what the session asks for. */
import { existsSync } from 'node:fs';
import type { SandboxSpec } from '../transport.ts';
import { MARK } from './processes.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Passed on from the operator's environment: places of tools and certificates, language. Never anything that could be a secret. */
const PASSED_ON = [
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'TZ',
  'JAVA_HOME',
  'GOROOT',
  'GOTOOLCHAIN',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'PIP_CERT',
  'AWS_CA_BUNDLE',
];

/** Where version managers keep what they installed. Commands have another HOME and would look there. */
const TOOL_HOMES: Record<string, string> = {
  ASDF_DATA_DIR: '.asdf',
  BUN_INSTALL: '.bun',
  NVM_DIR: '.nvm',
  PYENV_ROOT: '.pyenv',
  RBENV_ROOT: '.rbenv',
  RUSTUP_HOME: '.rustup',
  SDKMAN_DIR: '.sdkman',
  VOLTA_HOME: '.volta',
};

export function commandPath(host: Readonly<Record<string, string | undefined>>): string {
  return host.PATH || DEFAULT_PATH;
}

/** @param host the operator's environment; @param home its home directory. */
export function commandEnvironment(
  host: Readonly<Record<string, string | undefined>>,
  home: string,
  sandbox: { root: string; uid: string },
  spec: SandboxSpec,
): Record<string, string> {
  const env: Record<string, string> = {
    PATH: commandPath(host),
    HOME: `${sandbox.root}/home`,
    TMPDIR: `${sandbox.root}/tmp`,
    USER: 'agent',
    LOGNAME: 'agent',
    SHELL: '/bin/sh',
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    NO_COLOR: '1',
    PAGER: 'cat',
    GIT_PAGER: 'cat',
    GIT_TERMINAL_PROMPT: '0',
    DEBIAN_FRONTEND: 'noninteractive',
    PYTHONUNBUFFERED: '1',
  };
  for (const name of PASSED_ON) {
    const value = host[name];
    if (value) env[name] = value;
  }
  for (const [name, folder] of Object.entries(TOOL_HOMES)) {
    const value = host[name] ?? `${home}/${folder}`;
    if (existsSync(value)) env[name] = value;
  }
  const { http, https, noProxy } = spec.network?.proxy ?? {};
  for (const [name, value] of [
    ['HTTP_PROXY', http],
    ['HTTPS_PROXY', https],
    ['NO_PROXY', noProxy],
  ] as const) {
    if (value === undefined) continue;
    env[name] = value;
    env[name.toLowerCase()] = value;
  }
  for (const { name, value } of spec.env ?? []) env[name] = value;
  env[MARK] = sandbox.uid;
  return env;
}
