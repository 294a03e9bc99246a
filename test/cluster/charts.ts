/** The chart as helm renders it, for tests. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { CHART, findHelm, KUBE_VERSION } from '../../scripts/plain-manifest.ts';

export const VALUES = join(import.meta.dirname, 'chart');
const RELEASES = join(import.meta.dirname, 'chart-releases');

export type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
} & Record<string, unknown>;

/** `describe` with the path of helm, where there is one; it has to be where tests on a cluster run. */
export function describeWithHelm(name: string, tests: (helm: string) => void): void {
  const helm = findHelm(process.env);
  if (helm !== undefined) {
    describe(name, () => tests(helm));
    return;
  }
  const missing = 'helm is neither on the PATH nor beside the test cluster ("make cluster-build")';
  if (process.env.CI === 'true' && process.env.CLUSTER_TESTS === 'true')
    throw new Error(`the tests of the chart must run here, but ${missing}`);
  console.warn(`the tests of the chart are skipped: ${missing}`);
  describe.skip(name, () => it('needs helm', () => undefined));
}

/** The chart that was released last, packaged. */
export function previousChart(): { path: string; version: string } {
  const versions = readdirSync(RELEASES).flatMap((file) => /^swe-agent-(.+)\.tgz$/.exec(file)?.[1] ?? []);
  const version = versions.sort(compareVersions).at(-1);
  if (version === undefined) throw new Error(`there is no chart in ${RELEASES}`);
  return { path: join(RELEASES, `swe-agent-${version}.tgz`), version };
}

/** Below 0 when the first is older. @throws when one is not three numbers */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [one, other].map((version) => {
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${version} is no version such as 1.2.3`);
    return version.split('.').map(Number);
  });
  const differences = (a ?? []).map((part, i) => part - (b?.[i] ?? 0));
  return differences.find((difference) => difference !== 0) ?? 0;
}

/** What helm template prints, for a release swe-agent in the namespace agents. @throws with what helm said */
export function template(helm: string, ...args: string[]): string {
  const key = JSON.stringify([helm, ...args]);
  const text =
    rendered.get(key) ??
    execFileSync(helm, ['template', 'swe-agent', CHART, `--kube-version=${KUBE_VERSION}`, '--namespace=agents', ...args], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
  rendered.set(key, text);
  return text;
}

/** By what it was rendered with: the tests of a file ask for the same again and again, and helm takes its time. */
const rendered = new Map<string, string>();

/** What helm says of values that it refuses; empty when it takes them. */
export function refusal(helm: string, ...args: string[]): string {
  const all = ['template', 'swe-agent', CHART, `--kube-version=${KUBE_VERSION}`, ...args];
  const { status, stderr } = spawnSync(helm, all, { encoding: 'utf8' });
  return status === 0 ? '' : stderr;
}

export function parse(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document): unknown => document.toJS())
    .filter(isManifest);
}

function isManifest(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && 'kind' in value && 'metadata' in value;
}

type Variable = { name: string; value?: string; valueFrom?: { secretKeyRef?: { name: string; key: string } } };
type Workload = { spec: { template: { spec: { containers: { env?: Variable[]; args?: string[] }[] } } } };

/** Arguments and variables of the first container of a Deployment. @throws when there is none of this name */
export function containerOf(objects: readonly Manifest[], deployment: string): { args: string[]; env: Variable[] } {
  const found = objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === deployment);
  const container = (found as Workload | undefined)?.spec.template.spec.containers[0];
  if (!container) throw new Error(`no Deployment ${deployment}`);
  return { args: container.args ?? [], env: container.env ?? [] };
}
