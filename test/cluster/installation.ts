/**
 * An installation on the test cluster whose processes run on this machine: `operator/main.ts` and `api-gateway/main.ts` as they
 * are started in their Pods, over Redis, with a scripted model and a git server with TLS. Sessions and Pods are in a
 * namespace of their own.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loopbackCertificate } from '../support/certificate.ts';
import { eventually, PATIENCE_MS } from '../support/eventually.ts';
import { type GitHttpServer, startGitHttpServer } from '../support/git-http-server.ts';
import { makeRepository } from '../support/git-repository.ts';
import { type Kubectl, kubectl } from '../support/kubectl.ts';
import { startModelServer } from '../support/model-server.ts';
import { RedisServer } from '../support/redis-server.ts';
import { ScriptedSessions } from '../support/scripted-sessions.ts';
import { SystemProcess } from '../support/system-process.ts';
import type { TestCluster } from './cluster.ts';
import { importPodImages, TOOLBOX_IMAGE } from './pod-images.ts';

export type { SystemProcess };

const root = join(import.meta.dirname, '../..');
const GIT_TOKEN = 'git-token-of-a-test';
/** A cluster that is busy with other things makes a Pod in this time. */
export const SESSION_MS = 120_000;

export class Installation implements AsyncDisposable {
  readonly namespace = `swe-test-${randomBytes(4).toString('hex')}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'swe-cluster-'));
  readonly model = new ScriptedSessions();
  readonly kubectl: Kubectl;
  readonly cluster: TestCluster;
  readonly #stack = new AsyncDisposableStack();
  readonly #processes: SystemProcess[] = [];
  #redis: RedisServer | undefined;
  #git: GitHttpServer | undefined;
  #modelUrl = '';

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
    this.kubectl = kubectl(cluster.kubeconfig, join(this.folder, 'kubectl'));
  }

  static async open(cluster: TestCluster): Promise<Installation> {
    const installation = new Installation(cluster);
    try {
      await installation.#prepare();
      return installation;
    } catch (error) {
      await installation[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    this.#stack.defer(() => rmSync(this.folder, { recursive: true, force: true }));
    await importPodImages(this.cluster);
    await this.#applyKinds();
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await this.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: this.namespace, labels } });
    this.#stack.defer(async () => {
      await this.must('delete', 'namespace', this.namespace, '--wait=false');
    });
    await eventually('the ServiceAccount', async () => (await this.kube('get', 'serviceaccount', 'default')).code === 0);
    this.#redis = this.#stack.use(await RedisServer.start());
    const certificate = await loopbackCertificate();
    mkdirSync(join(this.folder, 'repositories'));
    writeFileSync(join(this.folder, 'ca.pem'), certificate.cert);
    const options = { root: join(this.folder, 'repositories'), tls: certificate, token: GIT_TOKEN };
    this.#git = this.#stack.use(await startGitHttpServer(options));
    const server = await startModelServer((request) => this.model.answer(request));
    this.#stack.defer(() => server.close());
    this.#modelUrl = server.baseUrl;
  }

  /** The kinds stay where others use them, and go where nobody had them before. */
  async #applyKinds(): Promise<void> {
    const kinds = ['agentsession', 'aiprofile'];
    const had = await this.kubectl(['get', 'crd', ...kinds.map((kind) => `${kind}s.sweagent.dev`)]);
    await this.must('apply', '--server-side', '--force-conflicts', '-f', join(root, 'crds'));
    await this.must('wait', '--for=condition=Established', ...kinds.map((kind) => `crd/${kind}s.sweagent.dev`));
    if (had.code !== 0) {
      this.#stack.defer(async () => {
        await this.must('delete', '--wait=false', '-f', join(root, 'crds'));
      });
    }
  }

  /** kubectl in the namespace. */
  kube(...args: string[]) {
    return this.kubectl(['-n', this.namespace, ...args]);
  }

  /** The same, which has to succeed. @returns what it wrote */
  async must(...args: string[]): Promise<string> {
    const { code, out, err } = await this.kube(...args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${err}`);
    return out;
  }

  async apply(object: object): Promise<void> {
    const { code, err } = await this.kubectl(['-n', this.namespace, 'apply', '-f', '-'], { input: JSON.stringify(object) });
    if (code !== 0) throw new Error(`kubectl apply: ${err}`);
  }

  /** A part of an object; empty when it is not there. */
  async read(kind: string, name: string, path: string): Promise<string> {
    return (await this.kube('get', kind, name, '--ignore-not-found', '-o', `jsonpath={${path}}`)).out;
  }

  /** A bare repository on the git server. @returns its URL */
  async repository(name: string): Promise<{ url: string; folder: string }> {
    const folder = join(this.folder, 'repositories', `${name}.git`);
    await makeRepository(folder, [{ files: { 'README.md': 'Greets.\n' } }], { bare: true });
    return { url: `${this.#git?.url}/${name}.git`, folder };
  }

  get redis(): RedisServer {
    if (!this.#redis) throw new Error('Redis was not started');
    return this.#redis;
  }

  /** What every process of the installation has in its environment. */
  environment(name: string): Record<string, string> {
    return {
      PATH: process.env.PATH ?? '',
      HOME: join(this.folder, 'home'),
      KUBECONFIG: this.cluster.kubeconfig,
      K8S_NAMESPACE: this.namespace,
      HOST: '127.0.0.1',
      PORT: '0',
      SWE_AGENT_IN_CONTAINER: 'false',
      SWE_AGENT_PROBE_PORT: '0',
      SWE_AGENT_STATE_DIR: join(this.folder, name),
      REDIS_URL: this.redis.url(),
      LOG_FORMAT: 'json',
    };
  }

  /** Starts operator/main.ts; resolves once it works on sessions. */
  async operator(name = 'operator', changes: Record<string, string> = {}): Promise<SystemProcess> {
    const started = this.run('operator/main.ts', { ...this.operatorEnvironment(name), ...changes });
    await started.logs('sessions are worked on');
    return started;
  }

  operatorEnvironment(name: string): Record<string, string> {
    return {
      ...this.environment(name),
      WORKER_IMAGE: 'python:3.12-slim',
      SWE_AGENT_TOOLBOX_IMAGE: TOOLBOX_IMAGE,
      SWE_AGENT_INSTALLATION: this.namespace,
      OPENAI_API_KEY: 'scripted-stand-in',
      OPENAI_BASE_URL: this.#modelUrl,
      MODEL_NAME: 'scripted-stand-in',
      GIT_TOKEN,
      GIT_TOKEN_HOSTS: this.#git?.host ?? '',
      GIT_SSL_CAINFO: join(this.folder, 'ca.pem'),
    };
  }

  /** Starts api-gateway/main.ts. @returns where it is as well */
  async gateway(changes: Record<string, string> = {}): Promise<{ process: SystemProcess; url: string; probes: string }> {
    const started = this.run('api-gateway/main.ts', { ...this.environment('gateway'), ...changes });
    const { api, probes } = await started.logs('the gateway is up');
    return { process: started, url: String(api), probes: String(probes) };
  }

  /** Starts a program of the system, which is ended with the installation. */
  run(script: string, env: Record<string, string>): SystemProcess {
    mkdirSync(join(this.folder, 'home'), { recursive: true });
    const started = new SystemProcess(script, this.folder, env);
    this.#processes.push(started);
    return started;
  }

  /** Applies a session as a user does. */
  async session(name: string, goal: string, url: string, spec: Record<string, unknown> = {}): Promise<void> {
    await this.apply({
      apiVersion: 'sweagent.dev/v1alpha1',
      kind: 'AgentSession',
      metadata: { name },
      spec: { goal, repository: { url }, ...spec },
    });
  }

  /** Waits until the session is over. @throws with its conditions and what the processes said when it is not in time */
  async finished(name: string, ms = SESSION_MS): Promise<void> {
    const wait = ['wait', `agentsession/${name}`, '--for=condition=Finished', '--timeout=20s'];
    try {
      await eventually('the session to end', async () => (await this.kube(...wait)).code === 0, ms);
    } catch (cause) {
      const described = await this.kube('describe', 'agentsession', name);
      const said = this.#processes.map((one) => one.said).join('\n---\n');
      throw new Error(`the session is not over\n${described.out}\n${said}`, { cause });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // While an operator runs, deleting the sessions tidies up.
    try {
      await this.kube('delete', 'agentsessions', '--all', '--ignore-not-found', `--timeout=${Math.ceil(PATIENCE_MS / 1000)}s`);
    } finally {
      await Promise.all(this.#processes.map((one) => one.end()));
      await this.#stack.disposeAsync();
    }
  }
}
