/**
 * A real kube-apiserver with etcd and the controllers that collect garbage and empty namespaces, on loopback, without
 * nodes: the judge of the embedded API. Needs no root and disturbs no cluster.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type ApiAccess, definitions, type Json, mergePatchType, type Wire, wire } from './embedded-api.ts';
import { eventually } from './eventually.ts';
import { temporaryFolder } from './temporary-folder.ts';

const STOP_MS = 10_000;
/** Ports are chosen before they are used; another process may take one in between. */
const TRIES = 3;

export type RealApi = ApiAccess &
  Wire & {
    /** Removes every object of the project's kinds, and Secrets, Events and Leases, from all namespaces. */
    empty(): Promise<void>;
  } & AsyncDisposable;

/** Starts the programs of `bin` (`make cluster-build`). The user is "ada", in system:masters. */
export async function startRealApi(bin: string): Promise<RealApi> {
  for (let tries = 1; ; tries++) {
    try {
      return await start(bin);
    } catch (error) {
      if (!(error instanceof EndedError) || tries === TRIES) throw error;
    }
  }
}

async function start(bin: string): Promise<RealApi> {
  await using parts = new AsyncDisposableStack();
  const folder = parts.use(await temporaryFolder());
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const [etcdUrl, peerUrl, url] = [`http://127.0.0.1:${etcdPort}`, `http://127.0.0.1:${peerPort}`, `https://127.0.0.1:${port}`];
  const path = (name: string) => join(folder.path, name);
  const run = (name: string, args: Record<string, string>) => {
    const program = new Program(join(bin, name), args, path(`${name}.log`));
    return parts.use(program);
  };

  const token = randomBytes(16).toString('hex');
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(path('tokens.csv'), `${token},ada,ada,"system:masters"\n`, { mode: 0o600 });
  await writeFile(path('key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await writeFile(path('key.pub'), publicKey.export({ type: 'spki', format: 'pem' }));

  const etcd = run('etcd', {
    name: 'test',
    'data-dir': path('etcd'),
    'unsafe-no-fsync': 'true',
    'log-level': 'warn',
    'listen-client-urls': etcdUrl,
    'advertise-client-urls': etcdUrl,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': `test=${peerUrl}`,
  });
  const apiserver = run('kube-apiserver', {
    'etcd-servers': etcdUrl,
    'bind-address': '127.0.0.1',
    'secure-port': String(port),
    'cert-dir': path('certificates'),
    'service-cluster-ip-range': '10.96.0.0/16',
    'endpoint-reconciler-type': 'none',
    'authorization-mode': 'RBAC',
    'token-auth-file': path('tokens.csv'),
    'disable-admission-plugins': 'ServiceAccount',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': path('key.pub'),
    'service-account-signing-key-file': path('key.pem'),
  });
  const ended = Promise.race([etcd.ended, apiserver.ended]).then((error) => Promise.reject(error));
  ended.catch(() => undefined);
  const certificate = join(path('certificates'), 'apiserver.crt');
  const caPem = await Promise.race([ended, eventually(certificate, () => readFile(certificate, 'utf8'))]);
  const api = { url, caPem, token };
  const requests = wire(api);
  const ready = async () => (await requests.send('GET', '/readyz')).code === 200;
  await Promise.race([ended, eventually('kube-apiserver to be ready', ready)]);
  await define(requests);

  // The collector of garbage looks for kinds when it starts, and seldom after that.
  await writeFile(path('kubeconfig'), kubeconfig(api), { mode: 0o600 });
  run('kube-controller-manager', {
    kubeconfig: path('kubeconfig'),
    controllers: 'namespace-controller,garbage-collector-controller',
    'leader-elect': 'false',
    'secure-port': '0',
  });
  const made = parts.move();
  return { ...api, ...requests, empty: () => empty(requests), [Symbol.asyncDispose]: () => made.disposeAsync() };
}

/** Creates the project's definitions; a word of warning about one of them is a failure. */
async function define({ send }: Wire): Promise<void> {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  for (const file of definitions) {
    const definition: { metadata: { name: string }; spec: { group: string; names: { plural: string } } } = parse(
      await readFile(file, 'utf8'),
    );
    const answer = await send('POST', path, definition);
    if (answer.code !== 201) throw new Error(`${file} is refused: ${answer.text}`);
    if (answer.headers.warning !== undefined) throw new Error(`${file} is accepted with a warning: ${answer.headers.warning}`);
    const served = `/apis/${definition.spec.group}/v1alpha1/${definition.spec.names.plural}`;
    await eventually(`${served} to be served`, async () => (await send('GET', served)).code === 200);
  }
}

async function empty({ send }: Wire): Promise<void> {
  const namespaces: { metadata: { name: string } }[] = (await send('GET', '/api/v1/namespaces')).body.items;
  for (const kind of EMPTIED) {
    for (const { metadata } of namespaces) {
      const path = `${kind.root}/namespaces/${metadata.name}/${kind.plural}`;
      const { items } = (await send('GET', path)).body;
      for (const item of items) {
        if (item.metadata.finalizers)
          await send('PATCH', `${path}/${item.metadata.name}`, { metadata: { finalizers: null } }, mergePatchType);
      }
      await send('DELETE', path);
    }
    await eventually(`no ${kind.plural}`, async () => (await send('GET', `${kind.root}/${kind.plural}`)).body.items.length === 0);
  }
}

const EMPTIED = [
  { root: '/apis/sweagent.dev/v1alpha1', plural: 'agentsessions' },
  { root: '/apis/sweagent.dev/v1alpha1', plural: 'aiprofiles' },
  { root: '/api/v1', plural: 'secrets' },
  { root: '/api/v1', plural: 'events' },
];

function kubeconfig({ url, caPem, token }: ApiAccess): string {
  const cluster: Json = { server: url, 'certificate-authority-data': Buffer.from(caPem).toString('base64') };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'ada' } }],
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'ada', user: { token } }],
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}

class EndedError extends Error {}

/** A program that runs until it is disposed of. */
class Program implements AsyncDisposable {
  /** How it came to its end. */
  readonly ended: Promise<EndedError>;
  readonly #child: ChildProcess;

  constructor(path: string, args: Record<string, string>, log: string) {
    const out = openSync(log, 'w');
    try {
      const options = Object.entries(args).map(([name, value]) => `--${name}=${value}`);
      this.#child = spawn(path, options, { stdio: ['ignore', out, out], env: {} });
    } finally {
      closeSync(out);
    }
    this.ended = new Promise((resolve) => {
      const end = (how: string) => resolve(new EndedError(`${path} ended: ${how}`));
      this.#child.once('error', (error) => end(error.message));
      this.#child.once('exit', (code) => {
        const told = (text: string) => end(`${code}: ${text.slice(-2_000)}`);
        readFile(log, 'utf8').then(told, (error) => end(`${code}, ${error}`));
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.ended;
    clearTimeout(late);
  }
}
