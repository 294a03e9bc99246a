/** A command that does nothing, in one Pod: through the link that carries every step, in an exec of ours, and by kubectl. */
import { startExec } from '../../../operator/kube/exec.ts';
import { execScript } from '../../../operator/kube/exec-script.ts';
import { openSandbox } from '../../../operator/sandbox/commands.ts';
import { CONTAINER } from '../../../operator/sandbox/pod/manifest.ts';
import { PodTransport } from '../../../operator/sandbox/pod/transport.ts';
import type { TestCluster } from '../../../test/cluster/find-cluster.ts';
import { TOOLBOX_IMAGE } from '../../../test/cluster/pod-images.ts';
import { now } from '../../clock.ts';
import type { Report, SectionOptions } from '../../section.ts';
import { summary } from '../../statistics.ts';
import { ms, ratio, table } from '../../table.ts';
import { Bed, SESSION_MS } from '../bed.ts';

const COMMAND_MS = 30_000;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function exec(cluster: TestCluster, { quick, progress }: SectionOptions): Promise<Report> {
  const count = quick ? 10 : 50;
  await using bed = await Bed.open(cluster);
  progress('exec: making a Pod');
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
  const owner = { uid: crypto.randomUUID(), name: 'exec', namespace };
  const handle = await transport.provision(owner, {}, AbortSignal.timeout(SESSION_MS));
  const sandbox = await openSandbox(handle, { epoch: 1, signal: AbortSignal.timeout(SESSION_MS) });
  const pod = handle.identity.name;
  const ways: Record<string, (index: number) => Promise<unknown>> = {
    'over the link': (index) =>
      sandbox.run(`op-${index}`, { command: 'true', timeoutSeconds: 30 }, { signal: AbortSignal.timeout(COMMAND_MS) }),
    'an exec of ours': () =>
      execScript(
        (request, options) => startExec(endpoint, { ...request, namespace, pod, container: CONTAINER }, options),
        'true',
        [],
        { deadlineMs: COMMAND_MS },
      ),
    'kubectl exec': () => bed.kubectl('-n', namespace, 'exec', pod, '-c', CONTAINER, '--', 'true'),
    'kubectl get --raw /version': () => bed.kubectl('get', '--raw', '/version'),
  };
  const samples = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]));
  try {
    // The first of each opens connections and fills caches. Taking turns, so that a busy moment meets all of them.
    for (let index = 0; index <= count; index++) {
      progress(`exec: ${index} of ${count}`);
      for (const [name, way] of Object.entries(ways)) {
        const began = now();
        await way(index);
        if (index > 0) samples.get(name)?.push(now() - began);
      }
    }
  } finally {
    await sandbox.close();
    await transport.dispose(owner, AbortSignal.timeout(SESSION_MS));
  }
  const bare = summary(samples.get('kubectl exec') ?? []);
  const rows = [...samples].map(([name, times]) => {
    const { p50, p95 } = summary(times);
    return [name, ms(p50), ms(p95), name === 'kubectl exec' ? '' : ratio(p50, bare.p50), ms(bare.p50 / p50)];
  });
  return {
    title: `Exec round trip: \`true\` in one Pod, ${count} times each in turn`,
    lines: [
      table(['', 'p50 ms', 'p95 ms', '× kubectl exec', 'as many in its time'], rows),
      '  Over the link: claimed under an operation id, in a process group of its own, with output and exit status recorded.',
      '  `kubectl get --raw /version` is what kubectl takes without an exec.',
    ],
  };
}
