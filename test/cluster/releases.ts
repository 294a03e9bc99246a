/** Releases of the chart on the test cluster, in a namespace of their own. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { CHART } from '../../scripts/plain-manifest.ts';
import { eventually } from '../support/eventually.ts';
import { type Kubectl, kubectl } from '../support/kubectl.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import type { TestCluster } from './cluster.ts';

/** The longest that helm waits for anything, in ms. */
const HELM_MS = 180_000;
const DEFINITIONS = ['agentsessions.sweagent.dev', 'aiprofiles.sweagent.dev'];

export type HelmResult = { code: number; out: string; err: string };

export class TestRelease implements AsyncDisposable {
  readonly name = 'agents';
  readonly namespace: string;
  readonly kube: Kubectl;
  /** A folder for the test, removed with the release. */
  readonly folder: string;
  readonly #helm: string;
  readonly #kubeconfig: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(helm: string, kubeconfig: string, folder: string, stack: AsyncDisposableStack) {
    this.namespace = `chart-test-${randomBytes(4).toString('hex')}`;
    this.#helm = helm;
    this.#kubeconfig = kubeconfig;
    this.folder = folder;
    this.kube = kubectl(kubeconfig, folder);
    this.#stack = stack;
  }

  /** Makes the namespace, which admits hardened Pods only and warns of others. */
  static async open(cluster: TestCluster, helm: string): Promise<TestRelease> {
    const stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder());
    const release = new TestRelease(helm, cluster.kubeconfig, folder.path, stack);
    stack.defer(() => release.#remove());
    const levels = ['enforce', 'warn'].map((level) => [`pod-security.kubernetes.io/${level}`, 'restricted']);
    const metadata = { name: release.namespace, labels: Object.fromEntries(levels) };
    await release.apply({ apiVersion: 'v1', kind: 'Namespace', metadata });
    // Other tests may have deleted them just before.
    for (const name of DEFINITIONS) {
      const asked = ['get', 'crd', name, '--ignore-not-found', '-o=jsonpath={.metadata.deletionTimestamp}'];
      await eventually(`the end of ${name}, which is being deleted`, async () => (await release.kube(asked)).out === '');
    }
    await eventually('the ServiceAccount', async () => (await release.kubectl('get', 'serviceaccount', 'default')).code === 0);
    return release;
  }

  /** kubectl in the namespace. */
  kubectl(...args: string[]): Promise<HelmResult> {
    return this.kube(['-n', this.namespace, ...args]);
  }

  /** Standard output of kubectl in the namespace. @throws with what it said */
  async ask(...args: string[]): Promise<string> {
    const { code, out, err } = await this.kubectl(...args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed: ${err}`);
    return out;
  }

  /** @throws with what kubectl said */
  async apply(object: object, ...args: string[]): Promise<void> {
    const applied = await this.kube(['apply', ...args, '-f', '-'], { input: JSON.stringify(object) });
    if (applied.code !== 0) throw new Error(applied.err);
  }

  /** helm in the namespace, to its end. */
  helm(...args: string[]): Promise<HelmResult> {
    const env = { PATH: process.env.PATH ?? '', HOME: this.folder, KUBECONFIG: this.#kubeconfig };
    const all = ['--namespace', this.namespace, ...args];
    return new Promise((resolve) => {
      execFile(this.#helm, all, { env, timeout: HELM_MS, maxBuffer: 16e6 }, (error, out, err) => {
        resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, out, err });
      });
    });
  }

  /** Installs or upgrades to a chart, and takes over definitions that other tests have left. @throws with what helm said */
  async install(chart = CHART, ...args: string[]): Promise<string> {
    // Upgrade, not install, so that the second time changes the first.
    const done = await this.helm('upgrade', '--install', '--take-ownership', '--timeout=150s', this.name, chart, ...args);
    if (done.code !== 0) throw new Error(`helm failed: ${done.err}`);
    await this.ask('wait', '--for=condition=Established', '--timeout=50s', ...DEFINITIONS.map((name) => `crd/${name}`));
    return done.out;
  }

  /** Objects that carry the release's label, by kind and name: those of the namespace, and those of the whole cluster. */
  async left(): Promise<string[]> {
    const kinds =
      'deployments,statefulsets,services,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,pods,persistentvolumeclaims';
    const own = await this.ask('get', kinds, '-l', `app.kubernetes.io/instance=${this.name}`, '-o', 'name');
    const cluster = await this.ask(
      'get',
      'clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings',
      '-o',
      'name',
    );
    return [...own.split('\n'), ...cluster.split('\n').filter((name) => name.includes(this.namespace))].filter(Boolean);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** The definitions stay, for the other tests, without a trace of who brought them. */
  async #remove(): Promise<void> {
    await this.helm('uninstall', this.name, '--ignore-not-found', '--wait', '--timeout=60s');
    const marks = ['meta.helm.sh/release-name', 'meta.helm.sh/release-namespace', 'helm.sh/resource-policy'];
    const names = [...marks, 'kubectl.kubernetes.io/last-applied-configuration'].map((mark) => `${mark}-`);
    for (const definition of DEFINITIONS) await this.kube(['annotate', 'crd', definition, ...names]);
    await this.kube(['delete', 'namespace', this.namespace, '--wait=false']);
  }
}
