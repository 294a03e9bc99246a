/**
 * `make bench-cluster`: measures sessions in Pods of a real cluster, each beside what the cluster takes by itself or what the
 * same takes on one machine.
 *
 *     make bench-cluster ARGS="--only exec,step --quick"
 *     make bench-cluster ARGS="--only many-objects"    # 10,000 objects, of which half of the time is
 *
 * The operator runs on this machine, objects and Pods are in namespaces of their own, and everything is removed afterwards.
 */
import { loadavg } from 'node:os';
import { findCluster } from '../../test/cluster/find-cluster.ts';
import { runBenchmark } from '../run.ts';
import type { SectionOptions } from '../section.ts';
import { machine } from '../sections/machine.ts';
import type { ClusterSection } from './bed.ts';
import { connect } from './sections/connect.ts';
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
/** What else the machine does belongs to every figure of a cluster, most of which is daemons. */
const on = (section: ClusterSection) => async (options: SectionOptions) => {
  const [before = 0] = loadavg();
  const report = await section(cluster, options);
  const load = `  Load of the last minute before: ${before.toFixed(1)}; at the end: ${(loadavg()[0] ?? 0).toFixed(1)}.`;
  return { ...report, lines: [...report.lines, load] };
};

await runBenchmark({
  command: 'make bench-cluster',
  sections: {
    machine,
    start: on(start),
    connect: on(connect),
    exec: on(exec),
    step: on(step),
    writes: on(writes),
    objects: on(objects),
    'many-objects': on(manyObjects),
  },
});
