/** Which cluster there is: the one that E2E_KUBECONFIG names, else the one that `make cluster-up` brought up. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type TestCluster = {
  /** own: named by E2E_KUBECONFIG; built: of `make cluster-up`. */
  which: 'own' | 'built';
  /** Which one was taken and why, in a line for whoever runs the tests. */
  description: string;
  /** Path of a kubeconfig that may do everything. */
  kubeconfig: string;
  /** IPv4 address of this machine that Pods reach, in a private range; undefined when nobody said it. */
  hostAddress: string | undefined;
  /** An address of this machine outside of all private ranges, in the place of the public internet; only of the built cluster. */
  publicAddress: string | undefined;
  /** Makes the images of an archive known to the nodes (`docker save`, or OCI in a tar file). @throws with what the command said */
  importImage(archive: string): Promise<void>;
  /** Ends and starts the cluster's own daemons; only of the built cluster. */
  daemons: Daemons | undefined;
};

export type DaemonName = 'etcd' | 'apiserver' | 'controller-manager' | 'scheduler' | 'containerd' | 'kubelet' | 'kube-proxy';

export type Daemons = {
  /** After the API server was started it answers. */
  start(name: DaemonName): Promise<void>;
  stop(name: DaemonName): Promise<void>;
  /** Ends it without a chance to tidy up. */
  kill(name: DaemonName): Promise<void>;
  restart(name: DaemonName): Promise<void>;
};

/** Environment variables that say which cluster is meant. */
export type ClusterEnvironment = Partial<
  Record<
    | 'CI'
    | 'CLUSTER_TESTS'
    | 'E2E_KUBECONFIG'
    | 'E2E_HOST_ADDRESS'
    | 'E2E_IMPORT_IMAGE'
    | 'SWE_AGENT_CLUSTER_DIR'
    | 'XDG_CACHE_HOME',
    string
  >
>;

const HERE = import.meta.dirname;
/** An import of a large image on a slow disk. */
const IMPORT_TIMEOUT_MS = 180_000;
const DAEMON_TIMEOUT_MS = 90_000;
const run = promisify(execFile);

/** The cluster there is, or why there is none in words that say what to do. It starts nothing. */
export function findCluster(environment: ClusterEnvironment): TestCluster | { missing: string } {
  const own = environment.E2E_KUBECONFIG;
  if (own !== undefined && own !== '') return ownCluster(own, environment);
  const kubeconfig = join(clusterFolder(environment), 'kubeconfig');
  if (!existsSync(kubeconfig))
    return { missing: `there is no cluster: "make cluster-up" brings one up, or E2E_KUBECONFIG names one (no ${kubeconfig})` };
  return {
    which: 'built',
    description: `the cluster of "make cluster-up" (${kubeconfig})`,
    kubeconfig,
    hostAddress: '10.99.0.1',
    publicAddress: '203.0.113.1',
    importImage: (archive) => script('import.sh', [archive], IMPORT_TIMEOUT_MS),
    daemons: {
      start: (name) => script('daemon.sh', ['start', name], DAEMON_TIMEOUT_MS),
      stop: (name) => script('daemon.sh', ['stop', name], DAEMON_TIMEOUT_MS),
      kill: (name) => script('daemon.sh', ['kill', name], DAEMON_TIMEOUT_MS),
      restart: (name) => script('daemon.sh', ['restart', name], DAEMON_TIMEOUT_MS),
    },
  };
}

/** Where the built cluster keeps everything. */
export function clusterFolder(environment: ClusterEnvironment): string {
  const cache = environment.XDG_CACHE_HOME || join(homedir(), '.cache');
  return environment.SWE_AGENT_CLUSTER_DIR || join(cache, 'swe-agent-cluster');
}

function ownCluster(kubeconfig: string, environment: ClusterEnvironment): TestCluster | { missing: string } {
  if (!existsSync(kubeconfig)) return { missing: `E2E_KUBECONFIG names ${kubeconfig}, and there is no such file` };
  const [program, ...args] = environment.E2E_IMPORT_IMAGE?.split(' ').filter(Boolean) ?? [];
  return {
    which: 'own',
    description: `the cluster that E2E_KUBECONFIG names (${kubeconfig})`,
    kubeconfig,
    hostAddress: environment.E2E_HOST_ADDRESS || undefined,
    publicAddress: undefined,
    async importImage(archive) {
      if (program === undefined)
        throw new Error(
          `${archive} cannot be brought to the cluster: set E2E_IMPORT_IMAGE, for instance to "kind load image-archive"`,
        );
      await command(program, [...args, archive], IMPORT_TIMEOUT_MS);
    },
    daemons: undefined,
  };
}

const script = (name: string, args: readonly string[], timeout: number) => command(join(HERE, name), args, timeout);

async function command(program: string, args: readonly string[], timeout: number): Promise<void> {
  try {
    await run(program, [...args], { timeout });
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
    throw new Error(`${program} ${args.join(' ')} failed: ${said || String(cause)}`, { cause });
  }
}
