/**
 * `make bench`: measures the system against a bare loop of the same SDK and child_process over the same scripted model.
 *
 *     make bench ARGS="--only step,post --quick"
 *
 * Everything runs on loopback and in temporary folders, and is removed afterwards.
 */
import { parseArgs } from 'node:util';
import { KNOWN_FIGURES } from './known-figures.ts';
import type { Aim, Section } from './section.ts';
import { append } from './sections/append.ts';
import { load } from './sections/load.ts';
import { machine } from './sections/machine.ts';
import { post } from './sections/post.ts';
import { ready } from './sections/ready.ts';
import { resume } from './sections/resume.ts';
import { step } from './sections/step.ts';
import { ms, table, verdict } from './table.ts';

const SECTIONS: Record<string, Section> = { machine, step, post, append, resume, ready, load };

const { only, quick } = readOptions();
const aims: Aim[] = [];
const began = performance.now();
for (const name of only) {
  const report = await SECTIONS[name]?.({ quick, progress });
  if (!report) continue;
  progress('');
  console.log(`\n── ${report.title}\n\n${report.lines.join('\n')}`);
  aims.push(...(report.aims ?? []));
}
console.log(
  `\n── Known figures, MEASURED ELSEWHERE on a machine of two cores; none of those agents syncs a step to disk\n\n${KNOWN_FIGURES}`,
);
if (aims.length > 0) {
  const rows = aims.map(({ what, value, most, unit }) => [
    what,
    `${ms(value)} ${unit}`,
    `≤ ${most} ${unit}`,
    verdict(value, most),
  ]);
  console.log(`\n── Aims\n\n${table(['', 'here', 'aim', ''], rows)}`);
}
console.log(`\n${quick ? 'A quick run: few samples. ' : ''}It took ${Math.round((performance.now() - began) / 1000)} s.`);

function readOptions(): { only: string[]; quick: boolean } {
  try {
    const { values } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } } });
    const names = values.only?.split(',').map((name) => name.trim()) ?? Object.keys(SECTIONS);
    const unknown = names.find((name) => !Object.hasOwn(SECTIONS, name));
    if (unknown !== undefined) throw new Error(`--only: there is no section ${JSON.stringify(unknown)}`);
    return { only: names, quick: values.quick };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}`);
    console.error(`usage: make bench ARGS="[--quick] [--only ${Object.keys(SECTIONS).join(',')}]"`);
    process.exit(2);
  }
}

/** One line that is written over, on a terminal only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
