import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SETTINGS, settingsTable } from './setting-names.ts';
import { loadSettings, type Settings, SettingsError, type SettingsRole } from './settings.ts';

const root = join(import.meta.dirname, '..');
let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'settings-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

/** Settings from variables and the text of an .env file, outside a container. */
function load(env: Record<string, string>, file?: string, role: SettingsRole = 'machine'): Settings {
  if (file !== undefined) writeFileSync(join(cwd, '.env'), file);
  return loadSettings({ env, cwd, containerMarkers: [], role });
}

function problemsOf(env: Record<string, string>, file?: string, role?: SettingsRole): string[] {
  try {
    load(env, file, role);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ name, value, remedy }) => `${name}=${value}: ${remedy}`);
    throw error;
  }
  return [];
}

const TASKS_GUIDE = `# LLM Configuration
OPENAI_API_KEY=sk-your-openai-key
GOOGLE_API_KEY=AIza-your-google-key
MODEL_NAME=ops-4.5 # Options: ops-4.5 (GPT-4), gemini-3.5 (Gemini Pro 1.5)

# Git Configuration (for the agent to commit/push)
GIT_USERNAME=swe-agent-bot
GIT_EMAIL=bot@example.com
GIT_TOKEN=github_pat_... # Personal Access Token for HTTPS auth

# Sandbox Configuration
# 'local': Runs in ./workspace/{task_id}
# 'k8s': Spawns a dedicated Pod for each task
SANDBOX_TYPE=local
# K8s Settings (Only if SANDBOX_TYPE=k8s)
K8S_NAMESPACE=default
WORKER_IMAGE=python:3.12-slim # The image used for the worker pods
`;

const SESSIONS_GUIDE = `# Infrastructure Configuration
REDIS_URL=redis://localhost:6379/0

# Sandbox Configuration
# 'local': Runs in ./workspace/{session_id}
# 'daytona': Runs in a remote Daytona environment
SANDBOX_TYPE=daytona

# Daytona Configuration (Only if SANDBOX_TYPE=daytona)
DAYTONA_API_KEY=your-daytona-api-key
DAYTONA_SERVER_URL=https://api.daytona.io # Optional
DAYTONA_TARGET_IMAGE=ubuntu:22.04 # Image for the sandbox environment
`;

/** What `docker run --env-file` makes of the text: everything after the first = as it is. */
function throughDocker(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.includes('=') && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

describe('Settings', () => {
  it('have defaults that need no configuration', () => {
    expect(load({})).toEqual({
      host: '127.0.0.1',
      port: 8000,
      allowedHosts: [],
      stateFolder: join(cwd, '.swe-agent'),
      workspace: join(cwd, 'workspace'),
      inContainer: false,
      api: { auth: 'none' },
      log: { level: 'info', format: 'auto' },
      model: { probeIntervalMs: 6 * 3_600_000 },
      git: { username: 'swe-agent', email: 'swe-agent@localhost', tokenHosts: ['github.com'] },
      trustedProxies: [],
      daytonaOffered: false,
      sandbox: { type: 'local' },
      cluster: { watch: undefined, gateway: false, probePort: 8081 },
      maxRunning: 200,
      releaseAfter: { finishedMs: 900_000, waitingMs: 14_400_000 },
      blobStore: 'folder',
      namespace: undefined,
      system: {},
      secrets: [],
      warnings: [],
    });
  });

  it('have models tried at an interval, or only when something changes', () => {
    expect(load({ SWE_AGENT_PROBE_HOURS: '24' }).model.probeIntervalMs).toBe(86_400_000);
    expect(load({ SWE_AGENT_PROBE_HOURS: '0' }).model.probeIntervalMs).toBe(Number.POSITIVE_INFINITY);
    expect(problemsOf({ SWE_AGENT_PROBE_HOURS: '-1' })).toEqual([expect.stringContaining('SWE_AGENT_PROBE_HOURS=-1')]);
  });

  it('take further names of the API, and refuse what is no name', () => {
    expect(load({ SWE_AGENT_ALLOWED_HOSTS: 'Agent.example.com, .internal' }).allowedHosts).toEqual([
      'agent.example.com',
      '.internal',
    ]);
    expect(problemsOf({ SWE_AGENT_ALLOWED_HOSTS: 'https://agent.example.com' })).toEqual([
      expect.stringContaining('SWE_AGENT_ALLOWED_HOSTS=https://agent.example.com: write host names without scheme'),
    ]);
  });

  it.each([
    ['as an .env file', () => load({}, TASKS_GUIDE)],
    ['through docker --env-file', () => load(throughDocker(TASKS_GUIDE))],
  ])('take the example of the tasks guide as it stands, %s', (_, read) => {
    const settings = read();
    expect(settings.model.name).toBe('ops-4.5');
    expect(settings.model.openaiApiKey?.reveal()).toBe('sk-your-openai-key');
    expect(settings.model.googleApiKey?.reveal()).toBe('AIza-your-google-key');
    expect(settings.git).toMatchObject({ username: 'swe-agent-bot', email: 'bot@example.com', tokenHosts: ['github.com'] });
    // Sent to a server, it would be refused where nothing is needed to read.
    expect(settings.git.token).toBeUndefined();
    expect(settings.warnings).toEqual(['GIT_TOKEN still holds an example, not a token, and is not used']);
  });

  it.each([
    ['ghp_xxxxxxxx', undefined],
    ['<token>', undefined],
    ['your-token', undefined],
    ['github_pat_11AB', 'github_pat_11AB'],
    ['ghp_yours123', 'ghp_yours123'],
  ])('take the git token %s for an example or for a token', (token, used) => {
    expect(load({ GIT_TOKEN: token }).git.token?.reveal()).toBe(used);
  });

  it('take the Redis and Daytona example apart and want a key for it', () => {
    expect(problemsOf({}, SESSIONS_GUIDE)).toEqual(problemsOf(throughDocker(SESSIONS_GUIDE)));
    expect(problemsOf({}, SESSIONS_GUIDE)).toEqual([
      'DAYTONA_API_KEY=***: SANDBOX_TYPE=daytona needs a key; make one in the dashboard of Daytona',
    ]);
    const { sandbox, daytona } = load({ DAYTONA_API_KEY: 'dtn_1' }, SESSIONS_GUIDE);
    expect(sandbox).toEqual({ type: 'daytona' });
    expect(daytona).toMatchObject({ apiUrl: 'https://api.daytona.io', image: 'ubuntu:22.04', toolbox: '/toolbox' });
    expect(daytona?.apiKey.reveal()).toBe('dtn_1');
    const settings = load({ SANDBOX_TYPE: 'local' }, SESSIONS_GUIDE);
    expect(settings.redis).toEqual({
      address: { host: 'localhost', port: 6379, tls: false, database: 0 },
      keyPrefix: 'swe-agent',
    });
    expect(settings.blobStore).toBe('folder');
    expect(settings.warnings).toEqual([]);
  });

  it('take a Redis apart, and keep its password to themselves', () => {
    const url = 'rediss://agent:p%40ss%2Fword@[::1]/3';
    const settings = load({ REDIS_URL: url, REDIS_KEY_PREFIX: 'team-a', BLOB_STORE: 'redis' });
    expect(settings.redis).toMatchObject({
      address: { host: '::1', port: 6379, tls: true, database: 3, username: 'agent' },
      keyPrefix: 'team-a',
    });
    expect(settings.redis?.address.password?.reveal()).toBe('p@ss/word');
    expect(settings.blobStore).toBe('redis');
    expect(settings.secrets.map((secret) => secret.reveal())).toEqual([url, 'p@ss/word']);
    expect(inspect(settings, { depth: 9 })).not.toMatch(/p@ss|p%40ss/);
  });

  it('take an S3-compatible store apart, and keep its keys to themselves', () => {
    const env = {
      BLOB_STORE: 's3',
      S3_BUCKET: 'agents',
      S3_ENDPOINT: 'http://minio:9000/',
      S3_PREFIX: 'team-a/blobs',
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'secret-half',
      AWS_SESSION_TOKEN: 'session-part',
    };
    const settings = load(env);
    expect(settings.s3).toMatchObject({
      bucket: 'agents',
      region: 'us-east-1',
      prefix: 'team-a/blobs',
      endpoint: 'http://minio:9000',
      forcePathStyle: true,
      credentials: { accessKeyId: 'AKIDEXAMPLE' },
    });
    expect(settings.s3?.credentials?.secretAccessKey.reveal()).toBe('secret-half');
    expect(settings.s3?.credentials?.sessionToken?.reveal()).toBe('session-part');
    expect(settings.secrets.map((secret) => secret.reveal())).toEqual(['secret-half', 'session-part']);
    expect(inspect(settings, { depth: 9 })).not.toMatch(/secret-half|session-part/);
    expect(env).not.toHaveProperty('AWS_SECRET_ACCESS_KEY');
    expect(env).not.toHaveProperty('AWS_SESSION_TOKEN');
  });

  it("need no more than a bucket for Amazon's S3, and no keys where a role is given", () => {
    const settings = load({ BLOB_STORE: 's3', S3_BUCKET: 'agents', S3_REGION: 'eu-central-1' });
    expect(settings.s3).toEqual({ bucket: 'agents', region: 'eu-central-1', prefix: 'swe-agent', forcePathStyle: false });
    const otherwise = load({
      BLOB_STORE: 's3',
      S3_BUCKET: 'b-1',
      S3_ENDPOINT: 'https://s3.example.com',
      S3_FORCE_PATH_STYLE: 'no',
    });
    expect(otherwise.s3).toMatchObject({ endpoint: 'https://s3.example.com', forcePathStyle: false });
  });

  it('say that a bucket is not used, and mind no keys that are meant for something else', () => {
    const settings = load({ S3_BUCKET: 'agents', S3_ENDPOINT: 'x', AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE' });
    expect(settings.s3).toBeUndefined();
    expect(settings.warnings).toEqual(['S3_BUCKET is not used with BLOB_STORE=folder; set BLOB_STORE=s3, or remove it']);
  });

  it.each<[Record<string, string>, string]>([
    [{ S3_BUCKET: '' }, 'S3_BUCKET=: BLOB_STORE=s3 needs it'],
    [{ S3_BUCKET: 's3://agents' }, 'S3_BUCKET=s3://agents: write the name of a bucket alone'],
    [{ S3_REGION: 'eu central' }, 'S3_REGION=eu central: write the name of a region'],
    [{ S3_PREFIX: '/agents' }, "S3_PREFIX=/agents: write names of letters, digits, '.', '_' and '-', separated by '/'"],
    [{ S3_ENDPOINT: 'minio:9000' }, 'S3_ENDPOINT=minio:9000: write an address with http:// or https://'],
    [{ S3_ENDPOINT: 'http://minio:9000/agents' }, 'S3_ENDPOINT=http://minio:9000/agents: write an address with'],
    [{ S3_ENDPOINT: 'http://key:secret@minio' }, 'S3_ENDPOINT=http://***@minio: put the keys into AWS_ACCESS_KEY_ID'],
    [{ S3_FORCE_PATH_STYLE: 'maybe' }, 'S3_FORCE_PATH_STYLE=maybe: write true or false'],
    [{ AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE' }, 'AWS_SECRET_ACCESS_KEY=: AWS_ACCESS_KEY_ID needs it'],
    [{ AWS_SECRET_ACCESS_KEY: 'secret-half' }, 'AWS_ACCESS_KEY_ID=: AWS_SECRET_ACCESS_KEY needs it'],
  ])('refuse %j for an S3-compatible store', (env, beginning) => {
    const problems = problemsOf({ BLOB_STORE: 's3', S3_BUCKET: 'agents', ...env });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.slice(0, beginning.length)).toBe(beginning);
  });

  it('prefer the environment over the file, also where it empties a value', () => {
    const settings = load({ PORT: '9000', MODEL_NAME: '' }, 'PORT=7000\nMODEL_NAME=from-file\nGIT_EMAIL=file@example.com');
    expect(settings.port).toBe(9000);
    expect(settings.model.name).toBeUndefined();
    expect(settings.git.email).toBe('file@example.com');
  });

  it('read every value', () => {
    const settings = load({
      HOST: '[::1]',
      PORT: '0',
      SWE_AGENT_STATE_DIR: '/var/lib/swe-agent',
      SWE_AGENT_WORKSPACE: 'work',
      SWE_AGENT_IN_CONTAINER: 'no',
      API_AUTH: 'TOKEN',
      API_TOKEN: '0123456789abcdef',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'json',
      OPENAI_BASE_URL: 'http://localhost:11434/v1',
      GIT_TOKEN_HOSTS: 'GitHub.com, git.example.com:8443',
      K8S_NAMESPACE: 'agents',
      PATH: '/bin # not a comment',
      UNRELATED: 'x',
    });
    expect(settings).toMatchObject({
      host: '::1',
      port: 0,
      stateFolder: '/var/lib/swe-agent',
      workspace: join(cwd, 'work'),
      api: { auth: 'token' },
      log: { level: 'debug', format: 'json' },
      model: { openaiBaseUrl: 'http://localhost:11434/v1' },
      git: { tokenHosts: ['github.com', 'git.example.com:8443'] },
      namespace: 'agents',
      system: { PATH: '/bin # not a comment' },
    });
  });

  it('ask for the token as soon as there is one', () => {
    const { api } = load({ API_TOKEN: '0123456789abcdef' });
    expect(api.auth === 'token' && api.token.reveal()).toBe('0123456789abcdef');
  });

  it('listen on all addresses in a container, on loopback outside, and where told in both', () => {
    const marker = join(cwd, '.dockerenv');
    writeFileSync(marker, '');
    const read = (env: Record<string, string>) => loadSettings({ env, cwd, containerMarkers: [marker] }).host;
    expect(read({})).toBe('0.0.0.0');
    expect(read({ SWE_AGENT_IN_CONTAINER: 'false' })).toBe('127.0.0.1');
    expect(read({ HOST: '10.0.0.7' })).toBe('10.0.0.7');
    expect(load({ SWE_AGENT_IN_CONTAINER: 'true' }).host).toBe('0.0.0.0');
  });

  it('list all problems at once, with name, value and what to do', () => {
    expect(
      problemsOf({
        PORT: '80000',
        HOST: 'http://localhost',
        API_AUTH: 'password',
        LOG_LEVEL: 'loud',
        LOG_FORMAT: 'xml',
        SWE_AGENT_IN_CONTAINER: 'maybe',
        SANDBOX_TYPE: 'vm',
        OPENAI_BASE_URL: 'localhost:11434',
        MODEL_NAME: 'gpt 4',
        GIT_EMAIL: 'nobody',
        GIT_USERNAME: 'a <b>',
        GIT_TOKEN_HOSTS: 'https://github.com',
        K8S_NAMESPACE: 'No_Such',
      }),
    ).toEqual([
      'SWE_AGENT_IN_CONTAINER=maybe: write true or false',
      'SANDBOX_TYPE=vm: choose one of local, k8s, daytona',
      'HOST=http://localhost: write an IP address or a host name, without scheme and port',
      'PORT=80000: write a whole number from 0 to 65535',
      'API_AUTH=password: choose one of none, token, kubernetes',
      'LOG_LEVEL=loud: choose one of error, warn, info, debug',
      'LOG_FORMAT=xml: choose one of auto, text, json',
      'OPENAI_BASE_URL=localhost:11434: write an address that begins with http:// or https://, such as http://localhost:11434/v1',
      'MODEL_NAME=gpt 4: write one model name, without spaces',
      'GIT_USERNAME=a <b>: git allows no <, > and line break in a name',
      'GIT_EMAIL=nobody: write one address, such as bot@example.com',
      'GIT_TOKEN_HOSTS=https://github.com: GIT_TOKEN_HOSTS names "https://github.com", which is not a host: write github.com, git.example.com:8443 or .example.com',
      'K8S_NAMESPACE=No_Such: a namespace has lower case letters, digits and -, at most 63',
    ]);
  });

  it.each([
    [{ API_AUTH: 'kubernetes' }, 'API_AUTH=kubernetes: on one machine there is no cluster'],
    [{ API_AUTH: 'token' }, 'API_TOKEN=: API_AUTH=token needs it'],
    [{ API_TOKEN: 'with a space in it' }, 'API_TOKEN=***: use printable ASCII characters'],
    [{ GIT_TOKEN: 'two\nlines' }, 'GIT_TOKEN=***: the token'],
    [{ REDIS_URL: 'http://user:pass@host:6379/0' }, 'REDIS_URL=http://***@host:6379/0: write redis://host:6379/0'],
    [{ REDIS_URL: 'redis://:pa/ss@host:6379' }, 'REDIS_URL=redis://***@host:6379: write redis://host:6379/0'],
    [{ REDIS_URL: 'redis://:pass@host/zero' }, 'REDIS_URL=redis://***@host/zero: after the host comes the number'],
    [{ REDIS_URL: 'redis://user@host' }, 'REDIS_URL=redis://***@host: a user name needs a password'],
    [{ REDIS_URL: 'redis://:pass@host?db=1' }, 'REDIS_URL=redis://***@host?db=1: nothing may follow the database'],
    [{ REDIS_URL: 'redis://:100%@host' }, 'REDIS_URL=redis://***@host: in a user name or password, write % as %25'],
    [{ REDIS_KEY_PREFIX: '{mine}' }, 'REDIS_KEY_PREFIX={mine}: begin with a letter or digit'],
    [{ BLOB_STORE: 'redis' }, 'BLOB_STORE=redis: set REDIS_URL as well, or choose folder'],
    [{ OPENAI_BASE_URL: 'https://user:key@host/v1' }, 'OPENAI_BASE_URL=https://***@host: put the key into OPENAI_API_KEY'],
  ])('refuse %j without showing a secret', (env, beginning) => {
    const problems = problemsOf(env);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.slice(0, beginning.length)).toBe(beginning);
  });

  it('name the lines of the file that cannot be read', () => {
    expect(problemsOf({}, 'PORT=8000\nsk-lost-key')).toEqual([
      `${join(cwd, '.env')} line 2=: is not of the form NAME=value; mend or remove it`,
    ]);
    rmSync(join(cwd, '.env'));
    mkdirSync(join(cwd, '.env'));
    expect(problemsOf({})).toEqual([`${join(cwd, '.env')}=: it cannot be read (EISDIR); make it a readable file`]);
  });

  it('warn of names that are near to a setting, and of unknown ones that are meant for us', () => {
    const { warnings } = load(
      { SWE_AGENT_WORKSPACES: 'x', SWE_AGENT_TURBO: '1', OPENAI_APIKEY: 'k', EDITOR: 'vi', POST: 'x', HOSTNAME: 'y' },
      'GIT_TOKENS=secret\nOTHER=1',
    );
    expect(warnings.toSorted()).toEqual([
      'GIT_TOKENS is no setting; did you mean GIT_TOKEN?',
      'OPENAI_APIKEY is no setting; did you mean OPENAI_API_KEY?',
      'SWE_AGENT_TURBO is no setting of this version; see docs/settings.md',
      'SWE_AGENT_WORKSPACES is no setting; did you mean SWE_AGENT_WORKSPACE?',
    ]);
  });

  it('warn of choices that are risky', () => {
    expect(load({ HOST: '0.0.0.0' }).warnings).toEqual([expect.stringContaining('run commands on it; set API_TOKEN')]);
    expect(load({ HOST: '0.0.0.0', API_TOKEN: 'short' }).warnings).toEqual([expect.stringContaining('less than 16 characters')]);
    expect(load({ API_AUTH: 'none', API_TOKEN: '0123456789abcdef' }).warnings).toEqual([expect.stringContaining('not used')]);
  });

  it('show no secret when they are printed, inspected or made JSON', () => {
    const settings = load({ OPENAI_API_KEY: 'key-abc', GIT_TOKEN: 'tok-abc', API_TOKEN: 'api-token-abcdefgh' });
    for (const text of [inspect(settings, { depth: 9, showHidden: true }), JSON.stringify(settings), `${settings.git.token}`]) {
      expect(text).toContain('***');
      expect(text).not.toMatch(/abc/);
    }
    expect(settings.secrets.map((secret) => secret.reveal()).toSorted()).toEqual(['api-token-abcdefgh', 'key-abc', 'tok-abc']);
  });

  it('take secrets out of the environment, so that children do not inherit them', () => {
    const script = `
      import { execFileSync } from 'node:child_process';
      import { loadSettings } from ${JSON.stringify(join(root, 'operator/settings.ts'))};
      const settings = loadSettings({ containerMarkers: [] });
      console.log(settings.git.token.reveal(), execFileSync('env', { encoding: 'utf8' }).includes('tok-abc'));`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, GIT_TOKEN: 'tok-abc', OPENAI_API_KEY: 'key' },
    });
    expect(output).toBe('tok-abc false\n');
    const env = { REDIS_URL: 'redis://:pass@h', GIT_TOKEN: 't', PATH: '/bin' };
    load(env);
    expect(env).toEqual({ PATH: '/bin' });
  });
});

describe('Settings of Pods', () => {
  const pods = (env: Record<string, string>) => {
    const { sandbox } = load({ SANDBOX_TYPE: 'k8s', WORKER_IMAGE: 'python:3.12-slim', ...env });
    return sandbox.type === 'k8s' ? sandbox.pods : undefined;
  };

  it('take the Kubernetes lines of the tasks guide', () => {
    const settings = load({}, TASKS_GUIDE.replace('SANDBOX_TYPE=local', 'SANDBOX_TYPE=k8s').replace('=default', '=agents'));
    expect(settings).toMatchObject({ namespace: 'agents', sandbox: { type: 'k8s' } });
    expect(settings.sandbox).toEqual({
      type: 'k8s',
      pods: {
        defaults: { image: 'python:3.12-slim' },
        network: { dnsServers: [], blocked: [] },
        user: { uid: 1000, gid: 1000 },
        readOnlyRootFilesystem: true,
      },
    });
  });

  it('say when no session gets an image', () => {
    expect(load({ SANDBOX_TYPE: 'k8s' }).warnings).toEqual([expect.stringContaining('WORKER_IMAGE is not set')]);
  });

  it('read every value, the single ones over those of the JSON', () => {
    const found = pods({
      SWE_AGENT_TOOLBOX_IMAGE: 'toolbox:1',
      SWE_AGENT_RUNTIME_CLASS: 'kata',
      SWE_AGENT_NETWORK: 'strict',
      SWE_AGENT_NETWORK_ALLOW: '192.0.2.0/24, 10.1.2.3/32:443,2001:db8::/32:8443',
      SWE_AGENT_CLUSTER_RANGES: '203.0.113.0/24',
      SWE_AGENT_DNS_SERVERS: '169.254.20.10',
      SWE_AGENT_SANDBOX_USER: '10001:0',
      SWE_AGENT_SANDBOX_READ_ONLY: 'false',
      SWE_AGENT_INSTALLATION: 'team-a',
      SWE_AGENT_SANDBOX_DEFAULTS:
        '{"image":"other","workspaceSize":"5Gi","resources":{"limits":{"cpu":2}},"network":{"proxy":{"https":"http://p:3128"}}}',
    });
    expect(found).toEqual({
      defaults: {
        image: 'python:3.12-slim',
        runtimeClassName: 'kata',
        workspaceSize: '5Gi',
        resources: { limits: { cpu: 2 } },
        network: {
          proxy: { https: 'http://p:3128' },
          egress: 'strict',
          allow: [{ cidr: '192.0.2.0/24' }, { cidr: '10.1.2.3/32', ports: [443] }, { cidr: '2001:db8::/32', ports: [8443] }],
        },
      },
      network: { dnsServers: ['169.254.20.10'], blocked: ['203.0.113.0/24'] },
      user: { uid: 10_001, gid: 0 },
      readOnlyRootFilesystem: false,
      toolboxImage: 'toolbox:1',
      installation: 'team-a',
    });
    expect(pods({ SWE_AGENT_SANDBOX_USER: 'image' })?.user).toBe('image');
  });

  it.each([
    [{ SWE_AGENT_NETWORK: 'open' }, 'SWE_AGENT_NETWORK=open: choose one of public, strict'],
    [{ SWE_AGENT_NETWORK_ALLOW: 'example.com' }, 'SWE_AGENT_NETWORK_ALLOW=example.com: "example.com" is no range'],
    [{ SWE_AGENT_NETWORK_ALLOW: '10.0.0.0/33' }, 'SWE_AGENT_NETWORK_ALLOW=10.0.0.0/33: "10.0.0.0/33" is no range'],
    [{ SWE_AGENT_NETWORK_ALLOW: '10.0.0.0/8:0' }, 'SWE_AGENT_NETWORK_ALLOW=10.0.0.0/8:0: "10.0.0.0/8:0" is no range'],
    [{ SWE_AGENT_CLUSTER_RANGES: '1.2.3.4' }, 'SWE_AGENT_CLUSTER_RANGES=1.2.3.4: "1.2.3.4" is no range'],
    [{ SWE_AGENT_DNS_SERVERS: 'dns' }, 'SWE_AGENT_DNS_SERVERS=dns: "dns" is no IP address'],
    [{ SWE_AGENT_SANDBOX_USER: '0:0' }, 'SWE_AGENT_SANDBOX_USER=0:0: write two numbers'],
    [{ SWE_AGENT_SANDBOX_USER: 'agent' }, 'SWE_AGENT_SANDBOX_USER=agent: write two numbers'],
    [{ SWE_AGENT_INSTALLATION: 'a b' }, 'SWE_AGENT_INSTALLATION=a b: use letters'],
    [{ SWE_AGENT_WATCH_NAMESPACES: 'a,*' }, 'SWE_AGENT_WATCH_NAMESPACES=a,*: write * alone'],
    [{ SWE_AGENT_WATCH_NAMESPACES: 'A' }, 'SWE_AGENT_WATCH_NAMESPACES=A: a namespace has'],
    [{ SWE_AGENT_SANDBOX_DEFAULTS: '{' }, 'SWE_AGENT_SANDBOX_DEFAULTS={: it is not JSON'],
    [
      { SWE_AGENT_SANDBOX_DEFAULTS: '{"cpu":1}' },
      'SWE_AGENT_SANDBOX_DEFAULTS={"cpu":1}: must NOT have additional properties (cpu); write the fields of spec.sandbox',
    ],
    [
      { SWE_AGENT_SANDBOX_DEFAULTS: '{"network":{"egress":"all"}}' },
      'SWE_AGENT_SANDBOX_DEFAULTS={"network":{"egress":"all"}}: network.egress must be equal to one of the allowed values',
    ],
    [
      { SWE_AGENT_SANDBOX_DEFAULTS: '{"type":"pod"}' },
      'SWE_AGENT_SANDBOX_DEFAULTS={"type":"pod"}: type and daytona have no place',
    ],
    [{ SWE_AGENT_MAX_RUNNING: '0' }, 'SWE_AGENT_MAX_RUNNING=0: write a whole number from 1'],
  ])('refuse %j', (env: Record<string, string>, beginning) => {
    const problems = problemsOf({ SANDBOX_TYPE: 'k8s', ...env });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.slice(0, beginning.length)).toBe(beginning);
  });
});

describe('Settings on a cluster', () => {
  it('make Pods, keep blobs where the log is, listen for others, and know the callers of the cluster', () => {
    const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', REDIS_URL: 'redis://redis:6379', API_AUTH: 'kubernetes' };
    const settings = load({ ...env, KUBERNETES_SERVICE_PORT: '443', WORKER_IMAGE: 'w' }, undefined, 'operator');
    expect(settings).toMatchObject({
      host: '0.0.0.0',
      inContainer: true,
      api: { auth: 'kubernetes' },
      sandbox: { type: 'k8s' },
      blobStore: 'redis',
      cluster: { serviceHost: '10.96.0.1', servicePort: '443', gateway: false },
      warnings: [],
    });
  });

  it.each<SettingsRole>(['operator', 'gateway'])('keep blobs of the %s in an S3-compatible store where one is chosen', (role) => {
    const env = { REDIS_URL: 'redis://redis:6379', BLOB_STORE: 's3', S3_BUCKET: 'agents', WORKER_IMAGE: 'w' };
    expect(load(env, undefined, role)).toMatchObject({ blobStore: 's3', s3: { bucket: 'agents' }, warnings: [] });
  });

  it('name the namespaces to watch, or all', () => {
    const watch = (value: string) => load({ SWE_AGENT_WATCH_NAMESPACES: value }, undefined, 'operator').cluster.watch;
    expect([watch(''), watch('a, b,a'), watch('*')]).toEqual([undefined, ['a', 'b'], 'all']);
  });

  it.each<[SettingsRole, Record<string, string>, string]>([
    ['operator', { SANDBOX_TYPE: 'local' }, 'SANDBOX_TYPE=local: commands would run beside the operator'],
    ['operator', { SANDBOX_TYPE: 'daytona' }, 'DAYTONA_API_KEY=: SANDBOX_TYPE=daytona needs a key'],
    ['operator', { DAYTONA_API_KEY: 'dtn_1' }, 'DAYTONA_INSTALLATION=: with DAYTONA_API_KEY, set it to a name'],
    ['machine', { DAYTONA_API_URL: 'daytona' }, 'DAYTONA_API_URL=daytona: write the address of the API'],
    ['operator', { BLOB_STORE: 'redis' }, 'BLOB_STORE=redis: set REDIS_URL as well'],
    ['gateway', {}, "REDIS_URL=: set it to the operator's"],
    [
      'gateway',
      { REDIS_URL: 'redis://r', BLOB_STORE: 'folder' },
      'BLOB_STORE=folder: the folder of the operator is out of reach',
    ],
  ])('of the %s refuse %j', (role, env, beginning) => {
    const problems = problemsOf(env, undefined, role);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.slice(0, beginning.length)).toBe(beginning);
  });
});

describe('The environment', () => {
  it('is read in settings.ts only', () => {
    const readers = ['operator', 'api-gateway', 'local'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
        .map((file) => join(folder, file))
        .filter((file) => /\bprocess\.env\b/.test(readFileSync(join(root, file), 'utf8'))),
    );
    expect(readers).toEqual(['operator/settings.ts']);
  });
});

describe('an authenticating proxy', () => {
  it('is believed by its address, a secret, or both', () => {
    expect(load({ API_USER_HEADER: 'X-Forwarded-User', API_TRUSTED_PROXIES: '127.0.0.1, fd00::/8' }).proxyUser).toEqual({
      header: 'x-forwarded-user',
      proxies: ['127.0.0.1', 'fd00::/8'],
    });
    const { proxyUser, secrets } = load({ API_USER_HEADER: 'X-User', API_PROXY_SECRET: 'a-long-secret-of-the-proxy' });
    expect([proxyUser?.secret?.reveal(), secrets.length]).toEqual(['a-long-secret-of-the-proxy', 1]);
    expect(load({}).proxyUser).toBeUndefined();
    const secret = { API_PROXY_SECRET: 'a-long-secret-of-the-proxy' };
    expect(load(secret).warnings).toEqual([expect.stringContaining('without API_USER_HEADER')]);
  });

  it('is known by its address also where it names no user', () => {
    const settings = load({ API_TRUSTED_PROXIES: '10.0.0.1, fd00::/8' });
    expect([settings.trustedProxies, settings.proxyUser, settings.warnings]).toEqual([['10.0.0.1', 'fd00::/8'], undefined, []]);
  });

  it.each([
    [{ API_USER_HEADER: 'X-User' }, 'API_USER_HEADER=X-User: whoever reaches the server could be anybody'],
    [{ API_USER_HEADER: 'Authorization', API_TRUSTED_PROXIES: '10.0.0.1' }, 'API_USER_HEADER=Authorization: write the name'],
    [{ API_USER_HEADER: 'X User', API_TRUSTED_PROXIES: '10.0.0.1' }, 'API_USER_HEADER=X User: write the name'],
    [{ API_USER_HEADER: 'X-User', API_TRUSTED_PROXIES: '0.0.0.0/0' }, 'API_TRUSTED_PROXIES=0.0.0.0/0: write addresses'],
    [{ API_USER_HEADER: 'X-User', API_TRUSTED_PROXIES: 'proxy' }, 'API_TRUSTED_PROXIES=proxy: write addresses'],
    [{ API_USER_HEADER: 'X-User', API_PROXY_SECRET: 'short' }, 'API_PROXY_SECRET=***: use at least 16'],
  ])('%j is refused', (env, message) => {
    expect(() => load(env)).toThrow(message);
  });

  it('has no place where the token of a cluster says who calls', () => {
    const env = { API_AUTH: 'kubernetes', API_USER_HEADER: 'X-User', API_TRUSTED_PROXIES: '10.0.0.1', REDIS_URL: 'redis://r' };
    expect(() => load(env, undefined, 'gateway')).toThrow('with API_AUTH=kubernetes the token says who calls');
  });
});

describe('docs/settings.md', () => {
  it('has the table of all settings', () => {
    expect(readFileSync(join(root, 'docs/settings.md'), 'utf8')).toContain(settingsTable());
  });

  it('names no other setting, and every name that the code reads is in the table', () => {
    const names = [...readFileSync(join(root, 'docs/settings.md'), 'utf8').matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
    expect(names).toEqual(Object.keys(SETTINGS));
    const code = ['settings.ts', 'settings-cluster.ts', 'settings-daytona.ts', 'settings-proxy-user.ts', 'settings-s3.ts'].map(
      (file) => readFileSync(join(root, 'operator', file), 'utf8'),
    );
    const read = [...code.join('').matchAll(/reader\.(?:text|list|secret|integer|choice|flag)\('(\w+)'/g)];
    expect(new Set(read.map((match) => match[1]))).toEqual(new Set(names));
  });
});
