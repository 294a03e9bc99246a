/** The chart as helm renders it; no cluster is needed. Values of the cases are in test/cluster/chart. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, parse as parsePath, relative } from 'node:path';
import { expect, it } from '@jest/globals';
import { parse as parseYaml, stringify } from 'yaml';
import { profilesFromEnvironment } from '../../operator/llm/environment.ts';
import { OWN_IMAGE } from '../../operator/sandbox/pod/own-image.ts';
import { isSetting } from '../../operator/setting-names.ts';
import { loadSettings, type Settings } from '../../operator/settings.ts';
import { CHART, KUBE_VERSION, plainManifest } from '../../scripts/plain-manifest.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import {
  compareVersions,
  containerOf,
  describeWithHelm,
  type Manifest,
  parse,
  previousChart,
  refusal,
  template,
  VALUES,
} from './charts.ts';

const root = join(import.meta.dirname, '../..');
const names = readdirSync(VALUES).map((file) => parsePath(file).name);
const valuesOf = (name: string) => `--values=${join(VALUES, `${name}.yaml`)}`;

describeWithHelm('the chart', (helm) => {
  it('has nothing that helm lint objects to', () => {
    for (const values of [[], ...names.map((name) => [valuesOf(name)])]) {
      const linted = spawnSync(helm, ['lint', CHART, '--strict', `--kube-version=${KUBE_VERSION}`, ...values], {
        encoding: 'utf8',
      });
      expect(linted).toMatchObject({ status: 0, stdout: expect.stringContaining('0 chart(s) failed') });
    }
  });

  it('has a newer version than the one that was released last, as soon as it differs from that', async () => {
    const previous = previousChart();
    await using folder = await temporaryFolder();
    execFileSync('tar', ['-xzf', previous.path, '-C', folder.path]);
    const filesOf = (chart: string) =>
      readdirSync(chart, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => join(parentPath, name))
        .map((path) => [relative(chart, path), readFileSync(path, 'utf8')]);
    const released = new Map(filesOf(join(folder.path, 'swe-agent')).map(([path, text]) => [path, text]));
    const now = new Map(filesOf(CHART).map(([path, text]) => [path, text]));
    const { version } = parseYaml(now.get('Chart.yaml') ?? '');
    expect(parseYaml(released.get('Chart.yaml') ?? '')).toMatchObject({ name: 'swe-agent', version: previous.version });
    const changed = [...new Set([...released.keys(), ...now.keys()])].filter((path) => released.get(path) !== now.get(path));
    if (changed.length === 0) return;
    const what = `${changed.join(', ')} changed since ${previous.version} was released: raise version in Chart.yaml`;
    expect({ what, newer: compareVersions(version, previous.version) > 0 }).toEqual({ what, newer: true });
  });

  it('is packed with charts/package, the same bytes each time, as helm takes it', async () => {
    await using folder = await temporaryFolder();
    // A clone may belong to somebody else.
    const trusted = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' };
    const packages = ['one', 'other'].map((name) => {
      mkdirSync(join(folder.path, name));
      const args = [join(root, 'charts/package'), join(folder.path, name)];
      return execFileSync('sh', args, { encoding: 'utf8', env: { ...process.env, ...trusted } }).trim();
    });
    const [one = '', other = ''] = packages;
    expect(readFileSync(one).equals(readFileSync(other))).toBe(true);
    const shown = parseYaml(execFileSync(helm, ['show', 'chart', one], { encoding: 'utf8' }));
    expect(parsePath(one).base).toBe(`swe-agent-${shown.version}.tgz`);
    // Those that are kept say which commit they are of.
    const { path } = previousChart();
    expect(readFileSync(join(path, '../README.md'), 'utf8')).toMatch(
      new RegExp(`\`${parsePath(path).base}\` \\| \`[0-9a-f]{40}\``),
    );
  });

  it('renders its own values as it did', () => {
    expect(inWords(parse(template(helm)))).toMatchSnapshot();
  });

  it.each(names)('renders the values "%s" as it did, beside what its own have', (name) => {
    const own = new Set(parse(template(helm)).map((object) => stringify(withoutSecrets(object))));
    const objects = parse(template(helm, valuesOf(name)));
    expect(inWords(objects.filter((object) => !own.has(stringify(withoutSecrets(object)))))).toMatchSnapshot();
  });

  it('brings the definitions of crds/ as they are, so that an upgrade changes them and uninstalling leaves them', () => {
    const definitions = parse(template(helm)).filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(definitions.map(({ metadata }) => metadata.name)).toEqual(['agentsessions.sweagent.dev', 'aiprofiles.sweagent.dev']);
    for (const { spec, metadata } of definitions) {
      expect(metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
      const source = parseYaml(readFileSync(join(root, 'crds', `${metadata.name.split('s.')[0]}.yaml`), 'utf8'));
      expect(spec).toEqual(source.spec);
    }
    const released = parse(template(helm, '--set=crds.keep=false')).filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(released.map(({ metadata }) => metadata.annotations)).toEqual([undefined, undefined]);
  });

  it('refuses values that it does not know or cannot use, and names them', () => {
    const wrong = {
      'operater.replicas=2': "additional properties 'operater' not allowed",
      'gateway.auth.mode=basic': "'/gateway/auth/mode': value must be one of 'kubernetes', 'token', 'none'",
      'watchNamespaces={*,team-a}': "at '/watchNamespaces'",
      'sandbox.user=0:0': "at '/sandbox/user'",
      'image.digest=latest': "at '/image/digest'",
      'redis.maxmemory=1Gi': "at '/redis/maxmemory'",
      'blobs.store=folder': "'/blobs/store': value must be one of 'redis', 's3'",
      'blobs.store=s3': 'set blobs.s3.bucket when blobs.store is s3',
      'blobs.s3.endpoint=minio:9000': "at '/blobs/s3/endpoint'",
      'sandbox.release.finishedSeconds=-1': "at '/sandbox/release/finishedSeconds'",
      'model.azure.endpoint=name.openai.azure.com': "at '/model/azure/endpoint'",
      'model.ollamaHost=a b': "at '/model/ollamaHost'",
      'gateway.auth.proxy.userHeader=X-User': 'gateway.auth.proxy needs gateway.auth.mode token or none',
      'gateway.auth.mode=none,gateway.auth.proxy.userHeader=X-User': 'set gateway.auth.proxy.trustedProxies',
      'daytona.installation=a b': "at '/daytona/installation'",
      'daytona.installation=a': 'daytona.installation needs a key of Daytona',
      'daytona.only=true': 'daytona.only needs daytona.installation',
      'credentials.daytonaApiKey=k': 'set daytona.installation to a name that no other installation',
      'redis.enabled=false': 'set redis.external.existingSecret or redis.external.url',
    };
    for (const [value, message] of Object.entries(wrong)) expect(refusal(helm, `--set=${value}`)).toContain(message);
    expect(refusal(helm, '--set=gateway.auth.mode=token')).toBe('');
  });

  it.each(names)('sets what its processes read, without a mistake, with the values "%s"', (name) => {
    const objects = parse(template(helm, valuesOf(name)));
    for (const [role, deployment] of [
      ['operator', 'swe-agent-operator'],
      ['gateway', 'swe-agent-gateway'],
    ] as const) {
      if (!objects.some(({ kind, metadata }) => kind === 'Deployment' && metadata.name === deployment)) continue;
      const { env, args } = containerOf(objects, deployment);
      expect(args).toEqual([`/app/${role === 'operator' ? 'operator' : 'api-gateway'}/main.ts`]);
      expect(env.map(({ name }) => name).filter((variable) => !isSetting(variable))).toEqual(
        name === 'namespaces' && role === 'operator' ? ['HTTPS_PROXY'] : [],
      );
      expect(settingsOf(role, env).warnings).toEqual([]);
    }
  });

  it('says to the operator what its values say', () => {
    const { env } = containerOf(parse(template(helm, valuesOf('everywhere'))), 'swe-agent-operator');
    expect(settingsOf('operator', env)).toMatchObject({
      cluster: { watch: 'all', gateway: false, probePort: 8081 },
      maxRunning: 500,
      blobStore: 'redis',
      releaseAfter: { finishedMs: 0, waitingMs: 604_800_000 },
      sandbox: {
        pods: {
          user: 'image',
          readOnlyRootFilesystem: false,
          installation: 'agents-swe-agent',
          toolboxImage: 'swe-agent:0.1.0',
          network: { blocked: ['198.51.100.0/24'], dnsServers: ['10.0.0.10'] },
          defaults: {
            image: 'swe-agent-worker:0.1.0',
            runtimeClassName: 'kata',
            nodeSelector: { pool: 'agents' },
            env: [{ name: 'IT', value: "isn't" }],
            network: { egress: 'strict', allow: [{ cidr: '10.1.2.3/32', ports: [443] }] },
          },
        },
      },
    });
  });

  it('has the gateway believe the proxy that the values name, and the API server the gateway', () => {
    const objects = parse(template(helm, valuesOf('public')));
    const { proxyUser } = settingsOf('gateway', containerOf(objects, 'swe-agent-gateway').env);
    expect(proxyUser).toMatchObject({ header: 'x-forwarded-user', proxies: ['10.1.2.3'] });
    expect(proxyUser?.secret?.reveal()).toBe(IN_SECRETS['proxy-secret']);
    const policy = objects.find(({ kind }) => kind === 'ValidatingAdmissionPolicy');
    const gateway = 'system:serviceaccount:agents:swe-agent-gateway';
    expect(policy?.spec).toMatchObject({
      matchConditions: [{ expression: `!(request.userInfo.username in ["${gateway}"])` }],
    });
    const without = parse(template(helm)).find(({ kind }) => kind === 'ValidatingAdmissionPolicy');
    expect(without?.spec).not.toHaveProperty('matchConditions');
  });

  it('says to operator and gateway where blobs are, with keys from a Secret or as a role', () => {
    for (const [deployment, role] of [
      ['swe-agent-operator', 'operator'],
      ['swe-agent-gateway', 'gateway'],
    ] as const) {
      const keys = settingsOf(role, containerOf(parse(template(helm, valuesOf('s3'))), deployment).env);
      expect(keys).toMatchObject({
        blobStore: 's3',
        s3: { bucket: 'agents', endpoint: 'http://minio.storage:9000', prefix: 'team-a/blobs', forcePathStyle: true },
      });
      expect(keys.s3?.credentials).toBeDefined();
      const asRole = settingsOf(role, containerOf(parse(template(helm, valuesOf('s3-role'))), deployment).env);
      expect(asRole.s3).toEqual({ bucket: 'agents', region: 'eu-central-1', prefix: 'swe-agent', forcePathStyle: false });
    }
    const single = ['--set=allInOne.enabled=true,blobs.store=s3,blobs.s3.bucket=agents'];
    const { env } = containerOf(parse(template(helm, ...single)), 'swe-agent');
    expect(settingsOf('operator', env).s3).toMatchObject({ bucket: 'agents', forcePathStyle: false });
  });

  it('says to the operator how Daytona is reached, with a key from the Secret, and to the gateway only that it is', () => {
    const found = (values: string, ...args: string[]) => {
      const objects = parse(template(helm, valuesOf(values), ...args));
      return (role: 'operator' | 'gateway') => {
        const { env } = containerOf(objects, `swe-agent-${role}`);
        const { sandbox, daytona, daytonaOffered } = settingsOf(role, env);
        return { type: sandbox.type, daytona, daytonaOffered, keyed: env.some(({ name }) => name === 'DAYTONA_API_KEY') };
      };
    };
    const beside = found('daytona');
    const apiUrl = 'https://daytona.example.com/api';
    expect(beside('operator')).toMatchObject({
      type: 'k8s',
      daytona: { installation: 'production', apiUrl, target: 'eu', image: 'python:3.12-slim' },
    });
    expect(beside('operator').daytona?.apiKey.reveal()).toBe(IN_SECRETS['daytona-api-key']);
    expect(beside('gateway')).toEqual({ type: 'k8s', daytona: undefined, daytonaOffered: true, keyed: false });
    const only = found('daytona-only');
    expect(only('operator')).toMatchObject({ type: 'daytona', daytona: { installation: 'staging', image: 'ubuntu:22.04' } });
    expect(only('gateway')).toEqual({ type: 'daytona', daytona: undefined, daytonaOffered: true, keyed: false });
    expect(found('least', '--set=gateway.enabled=true')('gateway').daytonaOffered).toBe(false);
    const { env } = containerOf(parse(template(helm, valuesOf('daytona'), '--set=allInOne.enabled=true')), 'swe-agent');
    expect(settingsOf('operator', env)).toMatchObject({ daytonaOffered: true, cluster: { gateway: true } });
  });

  it('takes the values of an earlier chart, which lack what has come since', () => {
    const earlier =
      '--set=blobs=null,model.azure=null,model.ollamaHost=null,sandbox.toolboxImage=null,sandbox.release=null,gateway.auth.proxy=null,daytona=null,credentials.daytonaApiKey=null';
    expect(parse(template(helm, earlier)).map(withoutSecrets)).toEqual(parse(template(helm)).map(withoutSecrets));
  });

  it('says to the operator which models there are, from the values, and from the Secret what these leave open', () => {
    const made = containerOf(parse(template(helm, valuesOf('models'))), 'swe-agent-operator');
    const fromValues = {
      azure: { endpoint: 'https://team.openai.azure.com', deployment: 'team-gpt', apiVersion: '2024-10-21' },
      ollamaHost: 'http://ollama.models:11434',
      name: 'gpt-4.1',
    };
    expect(settingsOf('operator', made.env).model).toMatchObject(fromValues);
    const secret = parse(template(helm, valuesOf('models'))).find(({ metadata }) => metadata.name === 'swe-agent-credentials');
    expect(Object.keys(secret?.data ?? {})).toEqual(['anthropic-api-key', 'azure-openai-api-key', 'google-api-key']);

    const given = containerOf(parse(template(helm, valuesOf('namespaces'))), 'swe-agent-operator');
    const { model } = settingsOf('operator', given.env);
    expect(model).toMatchObject({
      azure: { endpoint: IN_SECRETS['azure-openai-endpoint'], deployment: 'gpt-team', apiVersion: 'v1' },
      ollamaHost: 'ollama:11434',
      openaiBaseUrl: IN_SECRETS['openai-base-url'],
      // Of the values, which win.
      name: 'ops-4.5',
    });
    for (const key of [model.openaiApiKey, model.googleApiKey, model.anthropicApiKey, model.azure?.apiKey]) {
      expect(key?.reveal()).toMatch(/^key-of-/);
    }
  });

  it('lets the operator call any model and git server, and the gateway nothing but what it needs', () => {
    const policies = parse(template(helm)).filter(({ kind }) => kind === 'NetworkPolicy');
    const types = policies.map(({ metadata, spec }) => [metadata.name, (spec as { policyTypes: string[] }).policyTypes]);
    expect(types).toEqual(
      expect.arrayContaining([
        ['swe-agent-operator', ['Ingress']],
        ['swe-agent-gateway', ['Ingress', 'Egress']],
      ]),
    );
  });

  it("brings the toolbox of the operator's own image into Pods, which can pull it, unless another or none is named", () => {
    const found = (...args: string[]) => {
      const { env } = containerOf(parse(template(helm, ...args)), 'swe-agent-operator');
      const { sandbox } = settingsOf('operator', env);
      return sandbox.type === 'k8s' && { image: sandbox.pods.toolboxImage, secrets: sandbox.pods.defaults.imagePullSecrets };
    };
    const own = `registry.example.com/swe-agent@sha256:${'0123456789abcdef'.repeat(4)}`;
    expect(found(valuesOf('models'))).toEqual({ image: own, secrets: [{ name: 'registry' }] });
    const given = '--set=sandbox.defaults.imagePullSecrets[0].name=mine';
    expect(found(valuesOf('models'), given)).toEqual({ image: own, secrets: [{ name: 'mine' }] });
    expect(found('--set=image.tag=1.2.3')).toEqual({ image: 'swe-agent:1.2.3', secrets: undefined });
    expect(found('--set=sandbox.toolboxImage=toolbox:2,imagePullSecrets={registry}')).toEqual({
      image: 'toolbox:2',
      secrets: undefined,
    });
    expect(found('--set=sandbox.toolboxImage=none')).toEqual({ image: undefined, secrets: undefined });
  });

  it('gives the operator the right to change the ready-made profiles that it may make, and no others', () => {
    const role = parse(template(helm)).find(({ kind, metadata }) => kind === 'Role' && metadata.name === 'swe-agent-profiles');
    const rules = role?.rules as { resources: string[]; resourceNames?: string[]; verbs: string[] }[];
    const azure = { azureApiKey: 'az-1', azureEndpoint: 'https://r.openai.azure.com', azureDeployment: 'd' };
    const made = [
      { openaiApiKey: 'sk-1', googleApiKey: 'AIzaSy-1', anthropicApiKey: 'sk-ant-1', ...azure },
      { openaiApiKey: 'sk-1', openaiBaseUrl: 'http://localhost/v1' },
    ].flatMap((settings) => profilesFromEnvironment(settings, '2026-01-01').profiles);
    expect(made).toHaveLength(5);
    for (const rule of rules) {
      if (rule.verbs.includes('create')) expect(rule.verbs).toEqual(['create']);
      else expect(rule.resourceNames).toEqual(expect.arrayContaining(made.map(({ name }) => name)));
    }
  });

  it('writes no key into anything but a Secret', () => {
    const objects = ['public', 'daytona-only'].flatMap((name) => parse(template(helm, valuesOf(name))));
    const holders = objects.filter((object) => /not-a-key|bm90LWEta2V5/.test(JSON.stringify(object)));
    expect(holders.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual(
      Array(2).fill('Secret/swe-agent-credentials'),
    );
  });

  it('asks in its dashboard and alerts only for metrics that there are', () => {
    const asked = new Set(
      template(helm, valuesOf('public'))
        .match(/\bswe_agent_[a-z_]+/g)
        ?.map((name) => name.replace(/_(count|bucket)$/, '')),
    );
    const sources = spawnSync('grep', ['-rhoE', "'swe_agent_[a-z_]+'", 'operator', 'api-gateway', 'local', '--include=*.ts'], {
      cwd: root,
      encoding: 'utf8',
    });
    const there = new Set(sources.stdout.split('\n').map((line) => line.replaceAll("'", '')));
    expect(asked.size).toBeGreaterThan(3);
    expect([...asked].filter((name) => !there.has(name))).toEqual([]);
  });
});

describeWithHelm('k8s/deployment.yaml', (helm) => {
  const current = readFileSync(join(root, 'k8s/deployment.yaml'), 'utf8');

  it('is what the chart leads to; if not, run make generate where helm is', () => {
    expect(current === plainManifest(helm)).toBe(true);
  });

  it('has what the user guide tells to edit, as the guide shows it', () => {
    const lines = (text: string) => text.replace(/^ +/gm, '');
    const guide = '- name: SANDBOX_TYPE\n  value: "k8s"\n- name: WORKER_IMAGE\n  value: "python:3.12-slim"\n';
    expect(lines(current)).toContain(lines(guide));
    const { env } = containerOf(parse(current), 'swe-agent');
    const keys = env.flatMap(({ name, valueFrom }) =>
      valueFrom?.secretKeyRef ? [{ variable: name, ...valueFrom.secretKeyRef }] : [],
    );
    const key = (variable: string) => ({ variable, key: variable.toLowerCase().replaceAll('_', '-'), ...optional });
    const ofTheGuide = ['OPENAI_API_KEY', 'GOOGLE_API_KEY', 'GIT_TOKEN'];
    const azure = ['API_KEY', 'ENDPOINT', 'DEPLOYMENT', 'API_VERSION'].map((name) => `AZURE_OPENAI_${name}`);
    const others = ['ANTHROPIC_API_KEY', ...azure, 'OLLAMA_HOST', 'OPENAI_BASE_URL', 'MODEL_NAME'];
    expect(new Set(keys)).toEqual(new Set([...ofTheGuide, ...others].map(key)));
  });

  it('names its image once, in the line that the guide tells to edit', () => {
    expect(current.match(/swe-agent:latest/g)).toHaveLength(1);
    expect(current).toMatch(/^ +image: "swe-agent:latest"$/m);
    const { env } = containerOf(parse(current), 'swe-agent');
    expect(env).toContainEqual({ name: 'SWE_AGENT_TOOLBOX_IMAGE', value: OWN_IMAGE });
    // The operator asks for its own Pod.
    const role = parse(current).find(({ kind, metadata }) => kind === 'Role' && metadata.name === 'swe-agent-operator');
    expect(role?.rules).toContainEqual(expect.objectContaining({ resources: ['pods'], verbs: expect.arrayContaining(['get']) }));
  });

  it('sets what one process that does all reads, without a mistake', () => {
    const { env, args } = containerOf(parse(current), 'swe-agent');
    expect(args).toEqual(['/app/operator/main.ts']);
    const settings = settingsOf('operator', env);
    expect(settings).toMatchObject({ warnings: [], api: { auth: 'none' }, cluster: { gateway: true }, blobStore: 'folder' });
    expect(settings.redis).toBeUndefined();
  });

  it('brings all it needs and nothing for the whole cluster but the definitions, in a namespace of your choice', () => {
    const objects = parse(current);
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'ServiceAccount swe-agent-operator',
      'Role swe-agent-operator',
      'Role swe-agent-gateway-profiles',
      'Role swe-agent-profiles',
      'RoleBinding swe-agent-operator',
      'RoleBinding swe-agent-gateway-profiles',
      'RoleBinding swe-agent-profiles',
      'PersistentVolumeClaim swe-agent-state',
      'Service swe-agent',
      'Deployment swe-agent',
      'CustomResourceDefinition agentsessions.sweagent.dev',
      'CustomResourceDefinition aiprofiles.sweagent.dev',
    ]);
    expect(objects.filter(({ metadata }) => metadata.namespace !== undefined)).toEqual([]);
    expect(current).not.toContain('helm.sh');
    expect(current).not.toContain('managed-by');
  });
});

/** What Secrets have. */
const IN_SECRETS: Record<string, string> = {
  url: 'redis://:password@redis:6379/0',
  token: '0123456789abcdef',
  'proxy-secret': '0123456789abcdef',
  'openai-api-key': 'key-of-openai',
  'google-api-key': 'key-of-google',
  'anthropic-api-key': 'key-of-anthropic',
  'azure-openai-api-key': 'key-of-azure',
  'azure-openai-endpoint': 'https://name.openai.azure.com',
  'azure-openai-deployment': 'gpt-team',
  'azure-openai-api-version': 'v1',
  'ollama-host': 'ollama:11434',
  'openai-base-url': 'http://models/v1',
  'model-name': 'some-model',
  'git-token': 'token-of-git',
  'daytona-api-key': 'key-of-daytona',
  'access-key-id': 'key-of-s3',
  'secret-access-key': 'secret-of-s3',
  'session-token': 'session-of-s3',
};

/** The settings as the process reads them in its Pod. */
function settingsOf(role: 'operator' | 'gateway', variables: ReturnType<typeof containerOf>['env']): Settings {
  const env = Object.fromEntries(
    variables.map(({ name, value, valueFrom }) => [name, value ?? IN_SECRETS[valueFrom?.secretKeyRef?.key ?? '']]),
  );
  // As in every Pod of the image.
  Object.assign(env, { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443', SWE_AGENT_IN_CONTAINER: 'true' });
  return loadSettings({ role, env, cwd: VALUES });
}

const optional = { name: 'swe-agent-secrets', optional: true };

/** The objects as a person reads them: without what is random, and the long definitions by name only. */
function inWords(objects: readonly Manifest[]): string {
  return objects
    .map((object) =>
      object.kind === 'CustomResourceDefinition'
        ? `kind: ${object.kind}\nmetadata:\n  name: ${object.metadata.name}\n`
        : stringify(withoutSecrets(object)),
    )
    .join('---\n');
}

function withoutSecrets(object: Manifest): Manifest {
  if (object.kind === 'Secret') {
    return { ...object, data: Object.fromEntries(Object.keys(object.data ?? {}).map((key) => [key, '...'])) };
  }
  if (object.kind !== 'ConfigMap') return object;
  // The dashboard is a file of its own.
  const short = ([key, text]: [string, string]): [string, string] => [key, text.length > 2000 ? '...' : text];
  return { ...object, data: Object.fromEntries(Object.entries(object.data as Record<string, string>).map(short)) };
}
