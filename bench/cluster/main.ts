/**
 * `make bench-cluster`: measures sessions in Pods of a real cluster, each beside what the cluster takes by itself or what the
 * same takes on one machine.
 *
 *     make bench-cluster ARGS="--only exec,step --quick"
 *     make bench-cluster ARGS="--only many-objects"    # 10,000 objects: some minutes
 *
 * The operator runs on this machine, objects and Pods are in namespaces of their own, and everything is removed afterwards.
 */
import { loadavg } from 'node:os';
import { findCluster } from '../../test/cluster/find-cluster.ts';
import { runBenchmark } from '../run.ts';
import type { Report, SectionOptions } from '../section.ts';
import { machine } from '../sections/machine.ts';
import type { ClusterSection } from './bed.ts';
import { exec } from './sections/exec.ts';
import { manyObjects, objects } from './sections/objects.ts';
import { start } from './sections/start.ts';
import { step } from './sections/step.ts';
import { writes } from './sections/writes.ts';

const cluster = findCluster(process.env);
if ('missing' in cluster) {
  console.error(`nothing can be measured: ${cluster.missing}`);
  process.exit(1);
}
const on = (section: ClusterSection) => (options: SectionOptions) => section(cluster, options);

await runBenchmark({
  command: 'make bench-cluster',
  sections: {
    machine: withLoad,
    start: on(start),
    exec: on(exec),
    step: on(step),
    writes: on(writes),
    objects: on(objects),
    'many-objects': on(manyObjects),
  },
  onRequest: ['many-objects'],
});

/** What else the machine does at the moment belongs to every figure of a cluster, most of which is daemons. */
async function withLoad(options: SectionOptions): Promise<Report> {
  const load = loadavg().map((value) => value.toFixed(1));
  const { title, lines } = await machine(options);
  return { title, lines: [...lines, `  Load before the run: ${load.join(', ')} (1, 5 and 15 minutes).`] };
}
