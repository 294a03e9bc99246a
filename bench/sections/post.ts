/** From the POST that makes a session until the model's server has its first request: object, reconcile, sandbox, clone, prompt. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BareLoop } from '../bare-loop.ts';
import { now } from '../clock.ts';
import { ScriptedModel } from '../scripted-model.ts';
import { freshId, type Report, type SectionOptions, workFolder } from '../section.ts';
import { summary } from '../statistics.ts';
import { startProduct } from '../system.ts';
import { ms, ratio, table } from '../table.ts';
import type { Workload } from '../workload.ts';

const REQUEST_MS = 30_000;
const run = promisify(execFile);

export async function post({ quick, progress }: SectionOptions): Promise<Report> {
  const count = quick ? 5 : 20;
  await using model = await ScriptedModel.start();
  await using loop = await BareLoop.start(model.baseUrl);
  await using folder = await workFolder();
  await using system = await startProduct({ folder: folder.path, baseUrl: model.baseUrl });
  await system.touch();
  const [answers, requests, bare]: [number[], number[], number[]] = [[], [], []];
  for (let index = 0; index <= count; index++) {
    progress(`post: session ${index} of ${count}`);
    const workload = workloadOf();
    const first = model.request(REQUEST_MS, ({ id, role }) => id === workload.id && role === 'planner');
    // In review mode it waits after the plan, and does not disturb those that follow.
    const { id, sentAt, answeredAt } = await system.post(folder.repository, workload, 'review');
    answers.push(answeredAt - sentAt);
    requests.push((await first).receivedAt - sentAt);
    await system.until(id, 'WAITING_FOR_USER', REQUEST_MS);
    bare.push(await bareStart(model, loop, folder, index));
  }
  const [, ...warm] = requests;
  const [cold = Number.NaN] = requests;
  const [ours, theirs, answered] = [summary(warm), summary(bare.slice(1)), summary(answers.slice(1))];
  return {
    title: `POST /agent/sessions → first model request (small repository, ${count} sessions one after the other)`,
    lines: [
      table(
        ['', 'p50 ms', 'p95 ms', '× bare p50', '× bare p95'],
        [
          ['bare loop: git clone, then the first request', ms(theirs.p50), ms(theirs.p95), '', ''],
          ['first model request', ms(ours.p50), ms(ours.p95), ratio(ours.p50, theirs.p50), ratio(ours.p95, theirs.p95)],
          ['the POST itself is answered', ms(answered.p50), ms(answered.p95), '', ''],
        ],
      ),
      `  The very first session of a process and a repository: ${ms(cold)} ms to its first model request.`,
    ],
    aims: [{ what: 'POST → first model request, p95', value: ours.p95, most: 200, unit: 'ms' }],
  };
}

function workloadOf(): Workload {
  return { id: freshId(), steps: 1, bytes: 10, thinkMs: 0, hold: -1 };
}

async function bareStart(
  model: ScriptedModel,
  loop: BareLoop,
  folder: { path: string; repository: string },
  index: number,
): Promise<number> {
  const workload = workloadOf();
  const first = model.request(REQUEST_MS, ({ id }) => id === workload.id);
  const began = now();
  await run('git', ['clone', '-q', folder.repository, join(folder.path, `bare${index}`)]);
  loop.begin([workload]);
  return (await first).receivedAt - began;
}
