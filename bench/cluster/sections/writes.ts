/** What a session of fifty steps asks of the Kubernetes API, and how often it is reconciled, as the operator counts it. */
import type { TestCluster } from '../../../test/cluster/find-cluster.ts';
import { freshId, type Report, type SectionOptions } from '../../section.ts';
import { table } from '../../table.ts';
import { goalOf, type Workload } from '../../workload.ts';
import { Bed } from '../bed.ts';
import { readMetrics, reconcilesIn, type Sample, settled, writesIn } from '../metrics.ts';

/** With plan, finish and review it is fifty steps. */
const COMMANDS = 47;
/** The operator writes counters now and then, so that a session costs more the longer it takes: here three to four minutes. */
const THINK_MS = 4_500;
const QUIET_MS = 2_000;
const SETTLED_MS = 60_000;
const SLACK_MS = 120_000;

type Asked = { writes: Map<string, number>; reconciles: number; seconds: number };

export async function writes(cluster: TestCluster, { quick, progress }: SectionOptions): Promise<Report> {
  await using bed = await Bed.open(cluster);
  const operator = await bed.operator();
  const probes = String((await operator.logs('the operator is up')).probes);
  const { url } = await bed.installation.repository('receipt');
  const rows: string[][] = [];
  let most = 0;
  for (const thinkMs of quick ? [0] : [0, THINK_MS]) {
    progress(`writes: ${COMMANDS} commands, the model thinks ${thinkMs} ms`);
    const workload: Workload = { id: freshId(), steps: COMMANDS, bytes: 100, thinkMs, hold: -1 };
    const before = (await settled(probes, QUIET_MS, SETTLED_MS)).samples;
    const began = performance.now();
    await bed.session(workload.id, url, goalOf(workload));
    const { status } = await bed.completed(workload.id, COMMANDS * thinkMs * 1.5 + SLACK_MS);
    const seconds = (performance.now() - began) / 1000;
    const after = (await settled(probes, QUIET_MS, SETTLED_MS)).samples;
    const work = grown(before, after, seconds);
    await bed.remove(workload.id);
    const removal = grown(after, (await settled(probes, QUIET_MS, SETTLED_MS)).samples, 0);
    most = Math.max(most, totalOf(work));
    rows.push(
      [`${status?.steps ?? 0} steps in ${seconds.toFixed(0)} s`, `${totalOf(work)}`, `${work.reconciles}`, told(work)],
      ['  its deletion', `${totalOf(removal)}`, `${removal.reconciles}`, told(removal)],
    );
  }
  const idle = await readMetrics(probes);
  const list = rows.map(([what = '', , , kinds = '']) => `  ${what.trim()}: ${kinds || 'none'}`);
  return {
    title: 'Writes to the Kubernetes API and reconciles per session, counted by the operator',
    lines: [
      table(
        ['', 'writes', 'reconciles'],
        rows.map((row) => row.slice(0, 3)),
      ),
      ...list,
      `  Reconciles that failed: ${reconcilesIn(idle, { result: 'error' })}. The object's own creation is not counted.`,
    ],
    aims: [{ what: 'writes of a session of 50 steps, the larger of the rows', value: most, most: 25, unit: 'writes' }],
  };
}

function grown(before: readonly Sample[], after: readonly Sample[], seconds: number): Asked {
  const earlier = writesIn(before);
  const counts = [...writesIn(after)].map(([kind, count]) => [kind, count - (earlier.get(kind) ?? 0)] as const);
  return {
    writes: new Map(counts.filter(([, count]) => count > 0)),
    reconciles: reconcilesIn(after) - reconcilesIn(before),
    seconds,
  };
}

function totalOf({ writes }: Asked): number {
  return [...writes.values()].reduce((total, count) => total + count, 0);
}

function told({ writes }: Asked): string {
  return [...writes].map(([kind, count]) => `${count} × ${kind}`).join(', ');
}
