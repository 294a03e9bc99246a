/** Up and ready, as a user starts it: from `sh scripts/node local/main.ts` to the line that says so, and an answer over HTTP. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { now } from '../clock.ts';
import { ScriptedModel } from '../scripted-model.ts';
import { type Report, type SectionOptions, workFolder } from '../section.ts';
import { summary } from '../statistics.ts';
import { startProduct } from '../system.ts';
import { ms, ratio, table } from '../table.ts';

export async function ready({ quick, progress }: SectionOptions): Promise<Report> {
  const count = quick ? 2 : 8;
  await using model = await ScriptedModel.start();
  await using folder = await workFolder();
  const [again, bare]: [number[], number[]] = [[], []];
  let fresh = Number.NaN;
  for (let index = 0; index <= count; index++) {
    progress(`ready: ${index} of ${count}`);
    await using system = await startProduct({ folder: folder.path, baseUrl: model.baseUrl });
    await system.touch();
    if (index === 0) fresh = system.readyMs;
    else again.push(system.readyMs);
    const began = now();
    await promisify(execFile)(process.execPath, ['-e', '0']);
    bare.push(now() - began);
  }
  const [ours, node] = [summary(again), summary(bare)];
  return {
    title: 'Up and ready (process start → "ready", after which it answers)',
    lines: [
      table(
        ['', 'p50 ms', 'p95 ms', '× node'],
        [
          ['node alone, started and ended', ms(node.p50), ms(node.p95), ''],
          ['with a state folder that is there', ms(ours.p50), ms(ours.p95), ratio(ours.p50, node.p50)],
          ['with a new state folder', ms(fresh), '', ratio(fresh, node.p50)],
        ],
      ),
    ],
    aims: [{ what: 'up and ready, p50', value: ours.p50, most: 1_000, unit: 'ms' }],
  };
}
