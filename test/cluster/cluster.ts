/**
 * The cluster that tests use: the one that E2E_KUBECONFIG names, else the one that `make cluster-up` brought up. Tests get
 * it from `describeOnCluster`, the only place that decides whether they run; `make e2e` and `make cluster-test` see to it
 * that there is one (with.sh) and run their files one after another, because some of them stop parts of it.
 *
 * Of a cluster of one's own, tests need two things more where they are used: E2E_HOST_ADDRESS, an address of this machine
 * that its Pods reach (a model server of a test listens there), and E2E_IMPORT_IMAGE, a command that the path of an image
 * archive is appended to (`kind load image-archive`).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from '@jest/globals';
import { type ClusterEnvironment, clusterFolder, findCluster, type TestCluster } from './find-cluster.ts';

export type { ClusterEnvironment, DaemonName, Daemons, TestCluster } from './find-cluster.ts';
export { findCluster } from './find-cluster.ts';

/**
 * `describe` with the cluster, where tests on one are wanted (CLUSTER_TESTS=true) and there is one. Else the reason is
 * printed and a skipped test stands for them all.
 * @throws with CI=true when they are wanted and there is none
 */
export function describeOnCluster(name: string, tests: (cluster: TestCluster) => void): void {
  const found = wantedCluster(process.env);
  if (!('missing' in found)) {
    console.info(`on a cluster: ${found.description}`);
    describe(name, () => tests(found));
    return;
  }
  console.warn(`the tests on a cluster are skipped: ${found.missing}`);
  describe.skip(name, () => it('needs a cluster', () => undefined));
}

/** As findCluster, where tests on a cluster are wanted. @throws with CI=true when they are wanted and there is none */
export function wantedCluster(environment: ClusterEnvironment): TestCluster | { missing: string } {
  if (environment.CLUSTER_TESTS !== 'true')
    return { missing: 'an everyday run needs no cluster; "make e2e" and "make cluster-test" run them' };
  const found = findCluster(environment);
  if ('missing' in found && environment.CI === 'true')
    throw new Error(`the tests on a cluster must run here, but ${found.missing}`);
  return found;
}

/**
 * Where the programs of the built cluster are, for tests that start their own API server from them. Wanted where a cluster
 * is, and then there, unless E2E_KUBECONFIG spared their build.
 */
export function wantedPrograms(environment: ClusterEnvironment): string | { missing: string } {
  const cluster = wantedCluster(environment);
  if ('missing' in cluster) return cluster;
  const bin = join(clusterFolder(environment), 'bin');
  return existsSync(join(bin, 'kube-apiserver'))
    ? bin
    : { missing: `"make cluster-build" was not run (no ${bin}/kube-apiserver)` };
}
