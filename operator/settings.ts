/**
 * What a user configures, read once at the start: the only file that looks at the process's environment and at `.env`.
 * The environment wins over the file. Secrets are wrapped, and leave the environment so that no child process inherits them.
 */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { type RedisAddress, redisAddress, withoutCredentials } from './engine/redis/address.ts';
import { PREFIX } from './engine/redis/keys.ts';
import type { ReleaseTimes } from './engine/release.ts';
import type { S3Place } from './engine/s3-blobs.ts';
import { credentialFromSettings } from './sandbox/git/credentials.ts';
import type { SecretText } from './secret-text.ts';
import { type ClusterSettings, clusterSettings, namespaceSetting, type PodSettings, podSettings } from './settings-cluster.ts';
import { type DaytonaSettings, daytonaSettings } from './settings-daytona.ts';
import { type ProxyUserSettings, proxyUserSettings, trustedProxySettings } from './settings-proxy-user.ts';
import { SettingsReader, type SystemVariable } from './settings-reader.ts';
import { s3Settings } from './settings-s3.ts';

export { SettingsError, type SettingsProblem, type SystemVariable } from './settings-reader.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type LogFormat = 'auto' | 'text' | 'json';

export type Settings = {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Names besides `localhost` and addresses under which the API is reached. */
  readonly allowedHosts: readonly string[];
  /** Absolute, as is `workspace`. */
  readonly stateFolder: string;
  readonly workspace: string;
  readonly inContainer: boolean;
  readonly api: { readonly auth: 'none' | 'kubernetes' } | { readonly auth: 'token'; readonly token: SecretText };
  /** How an authenticating proxy says who the user is, and what it is known by: at least one of both. */
  readonly proxyUser?: ProxyUserSettings;
  /** Where proxies connect from that are believed about who sends a request: addresses and ranges in CIDR notation. */
  readonly trustedProxies: readonly string[];
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  readonly model: {
    readonly openaiApiKey?: SecretText;
    readonly openaiBaseUrl?: string;
    readonly googleApiKey?: SecretText;
    readonly anthropicApiKey?: SecretText;
    readonly azure?: {
      readonly apiKey?: SecretText;
      readonly endpoint?: string;
      readonly deployment?: string;
      readonly apiVersion?: string;
    };
    readonly ollamaHost?: string;
    /** As the user wrote it. */
    readonly name?: string;
    /** Between tries of a model that nobody changes, in ms; Infinity: only when its profile changes. */
    readonly probeIntervalMs: number;
  };
  readonly git: {
    readonly username: string;
    readonly email: string;
    readonly token?: SecretText;
    /** Host names, with a port where it is not 443; one that begins with a dot stands for all below it. */
    readonly tokenHosts: readonly string[];
  };
  readonly sandbox: { readonly type: 'local' | 'daytona' } | { readonly type: 'k8s'; readonly pods: PodSettings };
  /** There when a key is. */
  readonly daytona?: DaytonaSettings;
  /** Whether sessions can have sandboxes at Daytona, as far as this process is told: a gateway has no key. */
  readonly daytonaOffered: boolean;
  readonly cluster: ClusterSettings;
  /** Sessions that work at the same time. */
  readonly maxRunning: number;
  /** How long a session rests before its Pod is given back. */
  readonly releaseAfter: ReleaseTimes;
  /** Where the event log is kept instead of the state folder. */
  readonly redis?: { readonly address: RedisAddress; readonly keyPrefix: string };
  /** Where blobs are kept: in the state folder, in Redis, or in an S3-compatible store. */
  readonly blobStore: 'folder' | 'redis' | 's3';
  /** With s3 only. */
  readonly s3?: S3Place;
  /** Of the sessions that REST makes; what it is without being set, the way to the cluster says. */
  readonly namespace: string | undefined;
  /** Variables of the machine that trusted child processes such as git need; none is a secret. */
  readonly system: Readonly<Partial<Record<SystemVariable, string>>>;
  /** Every secret that was read, for whoever must keep them out of what it writes. */
  readonly secrets: readonly SecretText[];
  /** For people: names that look misspelt, choices that are risky. */
  readonly warnings: readonly string[];
};

/** Which process reads them: everything on one machine, or the operator or the gateway of a cluster. */
export type SettingsRole = 'machine' | 'operator' | 'gateway';

export type SettingsSource = {
  /** Default: machine. */
  role?: SettingsRole;
  /** Variables by name; secrets are deleted from it. Default: the environment of this process. */
  env?: NodeJS.ProcessEnv;
  /** Default `.env` in `cwd`; it need not exist. */
  envFile?: string;
  /** What relative paths start from. Default: the working directory. */
  cwd?: string;
  /** Files that exist in a container only. */
  containerMarkers?: readonly string[];
};

/** Reads the settings. @throws SettingsError that lists all problems at once */
export function loadSettings(source: SettingsSource = {}): Settings {
  const { env = process.env, cwd = process.cwd(), role = 'machine' } = source;
  const { containerMarkers = ['/.dockerenv', '/run/.containerenv'] } = source;
  const reader = new SettingsReader(env, resolve(cwd, source.envFile ?? '.env'));
  const cluster = clusterSettings(reader);
  const inContainer =
    reader.flag('SWE_AGENT_IN_CONTAINER') ??
    (cluster.serviceHost !== undefined || containerMarkers.some((marker) => existsSync(marker)));
  const sandboxes = sandbox(reader, role);
  const settings = {
    host: host(reader, inContainer),
    port: reader.integer('PORT', 8000, 0, 65_535),
    allowedHosts: allowedHosts(reader),
    stateFolder: resolve(cwd, reader.text('SWE_AGENT_STATE_DIR') ?? '.swe-agent'),
    workspace: resolve(cwd, reader.text('SWE_AGENT_WORKSPACE') ?? 'workspace'),
    inContainer,
    api: access(reader, role),
    ...withProxies(reader),
    log: {
      level: reader.choice('LOG_LEVEL', ['error', 'warn', 'info', 'debug'], 'info'),
      format: reader.choice('LOG_FORMAT', ['auto', 'text', 'json'], 'auto'),
    },
    model: model(reader),
    git: git(reader),
    ...sandboxes,
    cluster,
    maxRunning: reader.integer('SWE_AGENT_MAX_RUNNING', 200, 1, 10_000),
    releaseAfter: releaseTimes(reader),
    ...stores(reader, role),
    namespace: namespaceSetting(reader),
    system: reader.system(),
  };
  if (settings.proxyUser && settings.api.auth === 'kubernetes') {
    reader.problem('API_USER_HEADER', 'with API_AUTH=kubernetes the token says who calls; remove it, or choose none or token');
  }
  if (settings.api.auth === 'none' && !inContainer && !isLoopback(settings.host)) {
    reader.warnings.push(
      `HOST=${settings.host} with API_AUTH=none: whoever reaches this machine can run commands on it; set API_TOKEN`,
    );
  }
  reader.finish();
  return { ...settings, secrets: reader.secrets, warnings: reader.warnings };
}

function withProxies(reader: SettingsReader): Pick<Settings, 'proxyUser' | 'trustedProxies'> {
  const trustedProxies = trustedProxySettings(reader);
  const proxyUser = proxyUserSettings(reader, trustedProxies);
  return { trustedProxies, ...(proxyUser && { proxyUser }) };
}

function sandbox(reader: SettingsReader, role: SettingsRole): Pick<Settings, 'sandbox' | 'daytona' | 'daytonaOffered'> {
  const type = reader.choice('SANDBOX_TYPE', ['local', 'k8s', 'daytona'], role === 'machine' ? 'local' : 'k8s');
  // A gateway makes no sandboxes.
  const daytona = daytonaSettings(reader, {
    wanted: type === 'daytona' && role !== 'gateway',
    named: role === 'operator',
  });
  const named = role === 'gateway' && (type === 'daytona' || reader.text('DAYTONA_INSTALLATION') !== undefined);
  const others = { daytonaOffered: daytona !== undefined || named, ...(daytona && { daytona }) };
  if (type === 'local' && role === 'operator') {
    reader.problem(
      'SANDBOX_TYPE',
      'commands would run beside the operator and its credentials; set SANDBOX_TYPE=k8s, or remove it',
    );
  }
  const pods = podSettings(reader);
  if (type !== 'k8s') return { sandbox: { type }, ...others };
  if (pods.defaults.image === undefined && role !== 'gateway') {
    reader.warnings.push('WORKER_IMAGE is not set: only sessions that name an image of their own get a Pod');
  }
  return { sandbox: { type, pods }, ...others };
}

const YEAR_S = 31_536_000;

function releaseTimes(reader: SettingsReader): ReleaseTimes {
  return {
    finishedMs: 1000 * reader.integer('SWE_AGENT_RELEASE_FINISHED_SECONDS', 900, 0, YEAR_S),
    waitingMs: 1000 * reader.integer('SWE_AGENT_RELEASE_WAITING_SECONDS', 14_400, 0, YEAR_S),
  };
}

function host(reader: SettingsReader, inContainer: boolean): string {
  const value = reader.text('HOST') ?? (inContainer ? '0.0.0.0' : '127.0.0.1');
  const plain = value.replace(/^\[(.*)\]$/, '$1');
  if (isIP(plain) === 0 && !/^(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(plain)) {
    reader.problem('HOST', 'write an IP address or a host name, without scheme and port');
  }
  return plain;
}

function allowedHosts(reader: SettingsReader): string[] {
  const names = reader.list('SWE_AGENT_ALLOWED_HOSTS').map((name) => name.toLowerCase());
  const wrong = names.find((name) => !/^\.?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name));
  if (wrong !== undefined) {
    reader.problem(
      'SWE_AGENT_ALLOWED_HOSTS',
      'write host names without scheme and port, such as agent.example.com,.internal.example.com',
    );
  }
  return names;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

function access(reader: SettingsReader, role: SettingsRole): Settings['api'] {
  const token = reader.secret('API_TOKEN');
  const auth = reader.choice('API_AUTH', ['none', 'token', 'kubernetes'], token ? 'token' : 'none');
  if (auth === 'kubernetes' && role === 'machine') {
    reader.problem(
      'API_AUTH',
      'on one machine there is no cluster whose tokens could be asked about; set API_AUTH=token and API_TOKEN, or API_AUTH=none',
    );
    return { auth: 'none' };
  }
  if (auth !== 'token') {
    if (token) reader.warnings.push(`API_TOKEN is not used with API_AUTH=${auth}; remove one of them`);
    return { auth };
  }
  if (!token) {
    reader.problem('API_TOKEN', 'API_AUTH=token needs it; set it to a long random value, for example from: openssl rand -hex 32');
    return { auth: 'none' };
  }
  if (!/^[\x21-\x7e]+$/.test(token.reveal())) reader.problem('API_TOKEN', 'use printable ASCII characters without spaces');
  if (token.reveal().length < 16)
    reader.warnings.push('API_TOKEN has less than 16 characters and can be guessed; use a longer one');
  return { auth, token };
}

function model(reader: SettingsReader): Settings['model'] {
  const openaiApiKey = reader.secret('OPENAI_API_KEY');
  const googleApiKey = reader.secret('GOOGLE_API_KEY');
  const anthropicApiKey = reader.secret('ANTHROPIC_API_KEY');
  const azure = azureModel(reader);
  const ollamaHost = reader.text('OLLAMA_HOST');
  const openaiBaseUrl = baseUrl(reader);
  const name = reader.text('MODEL_NAME');
  if (name !== undefined && !/^[\x21-\x7e]{1,200}$/.test(name))
    reader.problem('MODEL_NAME', 'write one model name, without spaces');
  const probeHours = reader.integer('SWE_AGENT_PROBE_HOURS', 6, 0, 720);
  return {
    probeIntervalMs: probeHours === 0 ? Number.POSITIVE_INFINITY : probeHours * 3_600_000,
    ...(openaiApiKey && { openaiApiKey }),
    ...(openaiBaseUrl !== undefined && { openaiBaseUrl }),
    ...(googleApiKey && { googleApiKey }),
    ...(anthropicApiKey && { anthropicApiKey }),
    ...(azure && { azure }),
    ...(ollamaHost !== undefined && { ollamaHost }),
    ...(name !== undefined && { name }),
  };
}

function azureModel(reader: SettingsReader): Settings['model']['azure'] {
  const apiKey = reader.secret('AZURE_OPENAI_API_KEY');
  const endpoint = reader.text('AZURE_OPENAI_ENDPOINT');
  const deployment = reader.text('AZURE_OPENAI_DEPLOYMENT');
  const apiVersion = reader.text('AZURE_OPENAI_API_VERSION');
  if (!apiKey && endpoint === undefined) return undefined;
  return {
    ...(apiKey && { apiKey }),
    ...(endpoint !== undefined && { endpoint }),
    ...(deployment !== undefined && { deployment }),
    ...(apiVersion !== undefined && { apiVersion }),
  };
}

function baseUrl(reader: SettingsReader): string | undefined {
  const value = reader.text('OPENAI_BASE_URL');
  if (value === undefined) return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && (url.username !== '' || url.password !== '')) {
    reader.problem(
      'OPENAI_BASE_URL',
      'put the key into OPENAI_API_KEY, not into the address',
      `${url.protocol}//***@${url.host}`,
    );
    return undefined;
  }
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    reader.problem('OPENAI_BASE_URL', 'write an address that begins with http:// or https://, such as http://localhost:11434/v1');
    return undefined;
  }
  return value;
}

/** Tokens as the guides show them. */
const EXAMPLE_TOKEN = /^(?:(?:github_pat|ghp|glpat)[_-])?(?:\.{3}|…|<.*>|your[_-].*|x{3,})$/i;

function git(reader: SettingsReader): Settings['git'] {
  const username = reader.text('GIT_USERNAME') ?? 'swe-agent';
  const email = reader.text('GIT_EMAIL') ?? 'swe-agent@localhost';
  if (/[<>\n\r\0]/.test(username)) reader.problem('GIT_USERNAME', 'git allows no <, > and line break in a name');
  if (!/^[^\s<>@]+@[^\s<>@]+$/.test(email)) reader.problem('GIT_EMAIL', 'write one address, such as bot@example.com');
  const given = reader.secret('GIT_TOKEN');
  const token = given && EXAMPLE_TOKEN.test(given.reveal()) ? undefined : given;
  if (given && !token) reader.warnings.push('GIT_TOKEN still holds an example, not a token, and is not used');
  const hosts = reader.text('GIT_TOKEN_HOSTS') ?? 'github.com';
  return { username, email, ...(token && { token }), tokenHosts: tokenHosts(reader, token, hosts) };
}

/** The rules of credentials decide, so that a setting that is accepted here is accepted there. */
function tokenHosts(reader: SettingsReader, token: SecretText | undefined, hosts: string): readonly string[] {
  try {
    return credentialFromSettings({ token: token?.reveal() ?? 'none', hosts })?.hosts ?? [];
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    reader.problem(message.includes('GIT_TOKEN_HOSTS') ? 'GIT_TOKEN_HOSTS' : 'GIT_TOKEN', message);
    return [];
  }
}

type Stores = Pick<Settings, 'redis' | 'blobStore' | 's3'>;

function stores(reader: SettingsReader, role: SettingsRole): Stores {
  const url = reader.secret('REDIS_URL');
  const keyPrefix = reader.text('REDIS_KEY_PREFIX') ?? 'swe-agent';
  if (!PREFIX.test(keyPrefix)) {
    reader.problem(
      'REDIS_KEY_PREFIX',
      "begin with a letter or digit and go on with those, ':', '.', '_' and '-', at most 64 in all",
    );
  }
  const blobStore = reader.choice('BLOB_STORE', ['folder', 'redis', 's3'], url && role !== 'machine' ? 'redis' : 'folder');
  const s3 = s3Settings(reader, blobStore);
  const blobs: Stores = { blobStore, ...(s3 && { s3 }) };
  if (!url) {
    if (role === 'gateway') reader.problem('REDIS_URL', "set it to the operator's, whose events are read from there");
    else if (blobStore === 'redis') reader.problem('BLOB_STORE', 'set REDIS_URL as well, or choose folder or s3');
    return blobs;
  }
  if (role === 'gateway' && blobStore === 'folder') {
    reader.problem('BLOB_STORE', 'the folder of the operator is out of reach; choose redis or s3, there and here');
  }
  try {
    const address = redisAddress(url.reveal());
    if (address.password) reader.secrets.push(address.password);
    return { ...blobs, redis: { address, keyPrefix } };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    reader.problem('REDIS_URL', error.message, withoutCredentials(url.reveal()));
    return blobs;
  }
}
