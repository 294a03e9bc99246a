/** After kill -9: from the start of the new process until the session's next model request, with the real log and sandbox. */
import { BareLoop } from '../bare-loop.ts';
import { now } from '../clock.ts';
import { killLeft, type TreeProcess } from '../process-tree.ts';
import { ScriptedModel } from '../scripted-model.ts';
import { freshId, type Report, type SectionOptions, workFolder } from '../section.ts';
import { summary } from '../statistics.ts';
import { startProduct } from '../system.ts';
import { ms, ratio, table } from '../table.ts';
import type { Workload } from '../workload.ts';

/** The call at which the model falls silent and the process is killed. */
const HOLD = 20;
const REQUEST_MS = 60_000;

export async function resume({ quick, progress }: SectionOptions): Promise<Report> {
  const count = quick ? 2 : 8;
  await using model = await ScriptedModel.start();
  await using folder = await workFolder();
  const options = { folder: folder.path, baseUrl: model.baseUrl };
  const workload: Workload = { id: freshId(), steps: HOLD + 1, bytes: 1_000, thinkMs: 0, hold: HOLD };
  const held = (id: string) => model.request(REQUEST_MS, (one) => one.id === id && one.call === HOLD);
  const [resumed, ready]: [number[], number[]] = [[], []];
  const left: TreeProcess[] = [];
  const silent = held(workload.id);
  let system = await startProduct(options);
  try {
    await system.post(folder.repository, workload);
    await silent;
    for (let index = 1; index <= count; index++) {
      progress(`resume: ${index} of ${count}`);
      left.push(...system.processes);
      await system.kill();
      const next = held(workload.id);
      const began = now();
      system = await startProduct(options);
      ready.push(system.readyMs);
      resumed.push((await next).receivedAt - began);
    }
  } finally {
    await system[Symbol.asyncDispose]();
    killLeft(left);
  }
  const bare = summary(await bareStarts(model, quick ? 2 : 5));
  const [ours, up] = [summary(resumed), summary(ready)];
  return {
    title: `Resume after kill -9 at call ${HOLD} (process start → the session's next model request)`,
    lines: [
      table(
        ['', 'p50 ms', 'p95 ms', '× bare p50'],
        [
          ['bare loop: node and SDK start, first request, nothing resumed', ms(bare.p50), ms(bare.p95), ''],
          ['next model request', ms(ours.p50), ms(ours.p95), ratio(ours.p50, bare.p50)],
          ['  of which until the process is ready', ms(up.p50), ms(up.p95), ''],
        ],
      ),
    ],
  };
}

async function bareStarts(model: ScriptedModel, count: number): Promise<number[]> {
  const samples: number[] = [];
  for (let index = 0; index < count; index++) {
    const workload: Workload = { id: freshId(), steps: 1, bytes: 10, thinkMs: 0, hold: -1 };
    const first = model.request(REQUEST_MS, ({ id }) => id === workload.id);
    const began = now();
    await using loop = await BareLoop.start(model.baseUrl);
    loop.begin([workload]);
    samples.push((await first).receivedAt - began);
  }
  return samples;
}
