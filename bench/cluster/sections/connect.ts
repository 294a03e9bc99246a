/**
 * What lies between a container that runs and a worktree in it, in parts, without a session around it: the link with the
 * runner at its end, the claim, the bundle, and the script that makes a worktree of it.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSandbox } from '../../../operator/sandbox/commands.ts';
import { RepositoryCache } from '../../../operator/sandbox/git/cache.ts';
import { seedWorktree } from '../../../operator/sandbox/git/seed.ts';
import { PodTransport } from '../../../operator/sandbox/pod/transport.ts';
import type { SandboxHandle } from '../../../operator/sandbox/transport.ts';
import type { TestCluster } from '../../../test/cluster/find-cluster.ts';
import { TOOLBOX_IMAGE } from '../../../test/cluster/pod-images.ts';
import { type Report, type SectionOptions, workFolder } from '../../section.ts';
import { summary } from '../../statistics.ts';
import { ms, table } from '../../table.ts';
import { Bed, SESSION_MS } from '../bed.ts';
import { firstProcessAt } from '../first-process.ts';

const REST_MS = 1_500;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

type Parts = Record<'linked' | 'claimed' | 'uploaded' | 'seeded', number>;

export async function connect(cluster: TestCluster, { quick, progress }: SectionOptions): Promise<Report> {
  const count = quick ? 2 : 8;
  await using bed = await Bed.open(cluster);
  await using folder = await workFolder();
  const { client, endpoint, namespace } = bed;
  const transport = new PodTransport({
    client,
    endpoint,
    logger: silent,
    installation: namespace,
    placement: { kind: 'namespace', namespace },
    defaults: { image: 'python:3.12-slim' },
    toolboxImage: TOOLBOX_IMAGE,
    network: { dnsServers: [], blocked: [] },
  });
  const environment = { PATH: process.env.PATH ?? '' };
  const cache = new RepositoryCache({ dir: join(folder.path, 'cache'), allowLocal: true, environment });
  const all: Parts[] = [];
  // The first begins the watches.
  for (let index = 0; index <= count; index++) {
    progress(`connect: ${index} of ${count}`);
    const snapshot = await cache.fetch({ url: folder.repository, depth: 1 }, undefined, AbortSignal.timeout(SESSION_MS));
    const owner = { uid: crypto.randomUUID(), name: `connect-${index}`, namespace };
    const signal = AbortSignal.timeout(SESSION_MS);
    try {
      const handle = await transport.provision(owner, {}, signal);
      const linked = Date.now();
      const puts: number[] = [];
      const sandbox = await openSandbox(timed(handle, puts), { epoch: 1, signal });
      const claimed = Date.now();
      const identity = { name: 'bench', email: 'bench@example.com' };
      await seedWorktree(sandbox, snapshot, { identity, baseBranch: snapshot.branch, remoteUrl: folder.repository }, signal);
      const seeded = Date.now();
      const began = await firstProcessAt(bed, handle.identity.name);
      const uploaded = puts.reduce((total, one) => total + one, 0);
      if (index > 0)
        all.push({ linked: linked - began, claimed: claimed - linked, uploaded, seeded: seeded - claimed - uploaded });
      await sandbox.close();
    } finally {
      await snapshot.dispose();
      await transport.dispose(owner, AbortSignal.timeout(SESSION_MS));
    }
    await sleep(REST_MS);
  }
  await rm(join(folder.path, 'cache'), { recursive: true, force: true });
  const row = (what: string, pick: (one: Parts) => number) => {
    const { p50, p95 } = summary(all.map(pick));
    return [what, ms(p50), ms(p95)];
  };
  return {
    title: `The container's first process → a worktree, ${count} Pods one after another (python:3.12-slim with the toolbox)`,
    lines: [
      table(
        ['', 'p50 ms', 'p95 ms'],
        [
          row('first process → linked, runner started', (one) => one.linked),
          row('→ claimed for the owner', (one) => one.claimed),
          row('→ bundle sent', (one) => one.uploaded),
          row('→ worktree made by git, and the rest', (one) => one.seeded),
          row('all of it', (one) => one.linked + one.claimed + one.uploaded + one.seeded),
        ],
      ),
      '  The link is one exec, tried for every 50 to 500 ms until the container is there; an exec alone is measured below.',
    ],
  };
}

/** The same sandbox; keeps how long each file took to be put there, in ms. */
function timed(handle: SandboxHandle, puts: number[]): SandboxHandle {
  return {
    identity: handle.identity,
    isolation: handle.isolation,
    root: handle.root,
    open: (signal) => handle.open(signal),
    get: (path, range) => handle.get(path, range),
    stat: (path, signal) => handle.stat(path, signal),
    put: async (path, bytes, options) => {
      const began = performance.now();
      await handle.put(path, bytes, options);
      puts.push(performance.now() - began);
    },
  };
}
