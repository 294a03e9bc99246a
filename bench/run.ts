/** A benchmark as it is run from a terminal: its sections one after another, then the aims that they speak of. */
import { parseArgs } from 'node:util';
import type { Aim, Section } from './section.ts';
import { ms, table, verdict } from './table.ts';

export type Benchmark = {
  /** How a person starts it. */
  command: string;
  sections: Record<string, Section>;
  /** Sections that are measured only when they are named. */
  onRequest?: readonly string[];
  /** Stands before the aims. */
  closing?: string;
};

/** Runs what the command line asks for; ends the process with 2 when that cannot be understood. */
export async function runBenchmark(benchmark: Benchmark): Promise<void> {
  const { only, quick } = readOptions(benchmark);
  const aims: Aim[] = [];
  const began = performance.now();
  for (const name of only) {
    const report = await benchmark.sections[name]?.({ quick, progress });
    if (!report) continue;
    progress('');
    console.log(`\n── ${report.title}\n\n${report.lines.join('\n')}`);
    aims.push(...(report.aims ?? []));
  }
  if (benchmark.closing !== undefined) console.log(`\n${benchmark.closing}`);
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
}

function readOptions({ command, sections, onRequest = [] }: Benchmark): { only: string[]; quick: boolean } {
  try {
    const { values } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } } });
    const usual = Object.keys(sections).filter((name) => !onRequest.includes(name));
    const names = values.only?.split(',').map((name) => name.trim()) ?? usual;
    const unknown = names.find((name) => !Object.hasOwn(sections, name));
    if (unknown !== undefined) throw new Error(`--only: there is no section ${JSON.stringify(unknown)}`);
    return { only: names, quick: values.quick };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}`);
    console.error(`usage: ${command} ARGS="[--quick] [--only ${Object.keys(sections).join(',')}]"`);
    process.exit(2);
  }
}

/** One line that is written over, on a terminal only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
