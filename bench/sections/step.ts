/**
 * Time per step: from the answer of the model that asks for a command until the next request, with the command's output,
 * has come. Both ends are taken at the model's server.
 */
import type { IsolationMethod } from '../../operator/sandbox/local/isolation.ts';
import { BareLoop } from '../bare-loop.ts';
import { ScriptedModel, stepTimes } from '../scripted-model.ts';
import { freshId, type Report, type SectionOptions, workFolder } from '../section.ts';
import { percentile, summary } from '../statistics.ts';
import { type System, startMeasured } from '../system.ts';
import { ms, ratio, table } from '../table.ts';
import type { Workload } from '../workload.ts';
import { hasBubblewrap } from './machine.ts';

const SIZES = [10, 7_000];
const WARM_UP = 20;
const PER_STEP_MS = 500;
const SETUP_MS = 15_000;

type Runner = { name: string; run: (workload: Workload) => Promise<void> };
type Samples = { all: number[]; begin: number[]; end: number[] };

export async function step({ quick, progress }: SectionOptions): Promise<Report> {
  const lengths = quick ? [50] : [50, 200];
  const sizes = quick ? SIZES.slice(0, 1) : SIZES;
  const rounds = quick ? 1 : 3;
  await using model = await ScriptedModel.start();
  await using stack = new AsyncDisposableStack();
  const runners: Runner[] = [await bareRunner(model, stack)];
  const notes: string[] = [];
  for (const isolation of ['bubblewrap', 'user', 'none'] as const) {
    const missing = missingFor(isolation);
    if (missing === undefined) runners.push(await systemRunner(isolation, model, stack));
    else notes.push(`  ${isolation}: not measured, ${missing}.`);
  }
  for (const { name, run } of runners) {
    progress(`step: warming up ${name}`);
    await run(workloadOf(WARM_UP, 10));
  }
  await model.take();

  const rows: string[][] = [];
  const worst = { p50: 0, p95: 0 };
  for (const bytes of sizes) {
    for (const steps of lengths) {
      const samples = new Map<string, Samples>();
      // Taking turns, so that a busy moment of the machine meets all of them.
      for (let round = 1; round <= rounds; round++) {
        for (const { name, run } of runners) {
          progress(`step: ${steps} × ${bytes} B, ${name}, ${round} of ${rounds}`);
          const workload = workloadOf(steps, bytes);
          await run(workload);
          collect(samples, name, stepTimes(await model.take(), workload.id), steps);
        }
      }
      const bare = summary(samples.get('bare loop')?.all ?? []);
      for (const { name } of runners) {
        const { all, begin, end } = samples.get(name) ?? { all: [], begin: [], end: [] };
        const { p50, p95 } = summary(all);
        const ratios = name === 'bare loop' ? ['', ''] : [ratio(p50, bare.p50), ratio(p95, bare.p95)];
        const [early, late] = [percentile(begin, 0.5), percentile(end, 0.5)];
        rows.push([name, `${steps}`, `${bytes} B`, ms(p50), ms(p95), ...ratios, ms(early), ms(late)]);
        if (name === 'bubblewrap') Object.assign(worst, { p50: Math.max(worst.p50, p50), p95: Math.max(worst.p95, p95) });
      }
    }
  }
  const headers = ['', 'steps', 'output', 'p50 ms', 'p95 ms', '× bare p50', '× bare p95', 'first 25 p50', 'last 25 p50'];
  return {
    title: 'Time per agent step (answer sent → next request received), every step in the durable log',
    lines: [table(headers, rows), ...notes],
    ...(worst.p50 > 0 && {
      aims: [
        { what: 'step under bubblewrap, p50, worst of the rows', value: worst.p50, most: 7, unit: 'ms' },
        { what: 'step under bubblewrap, p95, worst of the rows', value: worst.p95, most: 13, unit: 'ms' },
      ],
    }),
  };
}

function workloadOf(steps: number, bytes: number): Workload {
  return { id: freshId(), steps, bytes, thinkMs: 0, hold: -1 };
}

function collect(samples: Map<string, Samples>, name: string, times: readonly number[], steps: number): void {
  if (times.length !== steps) throw new Error(`${name}: ${times.length} steps were seen instead of ${steps}`);
  const one = samples.get(name) ?? { all: [], begin: [], end: [] };
  one.all.push(...times);
  one.begin.push(...times.slice(0, 25));
  one.end.push(...times.slice(-25));
  samples.set(name, one);
}

function missingFor(isolation: IsolationMethod): string | undefined {
  if (isolation === 'bubblewrap' && !hasBubblewrap()) return 'bubblewrap is not installed or does not work here';
  if (isolation === 'user' && (process.platform !== 'linux' || process.getuid?.() !== 0)) return 'it needs Linux and root';
  return undefined;
}

async function bareRunner(model: ScriptedModel, stack: AsyncDisposableStack): Promise<Runner> {
  const loop = stack.use(await BareLoop.start(model.baseUrl));
  const run = async (workload: Workload) => {
    const done = model.done(workload.id, SETUP_MS + workload.steps * PER_STEP_MS);
    loop.begin([workload]);
    await done;
  };
  return { name: 'bare loop', run };
}

async function systemRunner(isolation: IsolationMethod, model: ScriptedModel, stack: AsyncDisposableStack): Promise<Runner> {
  const folder = stack.use(await workFolder());
  const system: System = stack.use(await startMeasured({ folder: folder.path, baseUrl: model.baseUrl, isolation }));
  const run = async (workload: Workload) => {
    const done = model.done(workload.id, SETUP_MS + workload.steps * PER_STEP_MS);
    const { id } = await system.post(folder.repository, workload);
    // Where it stands says more than that it is late.
    await done.catch(() => system.until(id, 'COMPLETED', 0));
    await system.until(id, 'COMPLETED', SETUP_MS);
  };
  return { name: isolation, run };
}
