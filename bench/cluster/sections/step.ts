/** Time per step of the same session, with the sandbox on this machine and in a Pod. Both ends are taken at the model's server. */
import type { TestCluster } from '../../../test/cluster/find-cluster.ts';
import { ScriptedModel, stepTimes } from '../../scripted-model.ts';
import { freshId, type Report, type SectionOptions, workFolder } from '../../section.ts';
import { summary } from '../../statistics.ts';
import { startProduct } from '../../system.ts';
import { ms, ratio, table } from '../../table.ts';
import { goalOf, type Workload } from '../../workload.ts';
import { Bed, SESSION_MS } from '../bed.ts';

const STEPS = 50;
const BYTES = 1_000;
const [LOCAL, POD] = ['on one machine, log in SQLite', 'in a Pod, log in Redis'];

type Runner = { name: string; model: ScriptedModel; run: (workload: Workload) => Promise<void> };

export async function step(cluster: TestCluster, { quick, progress }: SectionOptions): Promise<Report> {
  const rounds = quick ? 1 : 4;
  await using bed = await Bed.open(cluster);
  await using stack = new AsyncDisposableStack();
  const runners = [await localRunner(stack), await podRunner(bed)];
  const samples = new Map<string, number[]>(runners.map(({ name }) => [name, []]));
  // Taking turns, so that a busy moment of the machine meets both. The first round loads what has to be loaded.
  for (let round = 0; round <= rounds; round++) {
    for (const { name, model, run } of runners) {
      progress(`step: ${name}, ${round} of ${rounds}`);
      const workload: Workload = { id: freshId(), steps: round === 0 ? 10 : STEPS, bytes: BYTES, thinkMs: 0, hold: -1 };
      await run(workload);
      const times = stepTimes(await model.take(), workload.id);
      if (times.length !== workload.steps) throw new Error(`${name}: ${times.length} steps were seen`);
      if (round > 0) samples.get(name)?.push(...times);
    }
  }
  const [local, pod] = [LOCAL, POD].map((name) => summary(samples.get(name) ?? []));
  if (!local || !pod) throw new Error('nothing was measured');
  const row = (name: string, { p50, p95 }: { p50: number; p95: number }) => [
    name,
    ms(p50),
    ms(p95),
    name === LOCAL ? '' : ratio(p50, local.p50),
    name === LOCAL ? '' : ms(p50 - local.p50),
  ];
  return {
    title: `Time per agent step (answer sent → next request received), ${rounds} × ${STEPS} steps with ${BYTES} B of output`,
    lines: [table(['', 'p50 ms', 'p95 ms', '× one machine', 'more, ms'], [row(LOCAL, local), row(POD, pod)])],
    aims: [{ what: 'step in a Pod, more than on one machine, p50', value: pod.p50 - local.p50, most: 15, unit: 'ms' }],
  };
}

async function localRunner(stack: AsyncDisposableStack): Promise<Runner> {
  const folder = stack.use(await workFolder());
  const model = stack.use(await ScriptedModel.start());
  const system = stack.use(await startProduct({ folder: folder.path, baseUrl: model.baseUrl }));
  const run = async (workload: Workload) => {
    const { id } = await system.post(folder.repository, workload);
    await model.done(workload.id, SESSION_MS).catch(() => undefined);
    await system.until(id, 'COMPLETED', SESSION_MS);
  };
  return { name: LOCAL, model, run };
}

async function podRunner(bed: Bed): Promise<Runner> {
  await bed.operator();
  const { url } = await bed.installation.repository('receipt');
  const run = async (workload: Workload) => {
    // Asking how far it is would cost both machine and API server time.
    const done = bed.model.done(workload.id, SESSION_MS).catch(() => undefined);
    await bed.session(workload.id, url, goalOf(workload));
    await done;
    await bed.completed(workload.id);
    await bed.remove(workload.id);
  };
  return { name: POD, model: bed.model, run };
}
