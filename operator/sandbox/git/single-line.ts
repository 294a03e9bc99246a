import { quote } from '../quote.ts';

/** The script as a command of one line, which reaches a sandbox faster than many. The shell's own printf unfolds it. */
export function singleLine(script: string): string {
  return `eval "$(printf '%b' ${quote(script.replaceAll('\\', '\\\\').replaceAll('\n', '\\n'))})"`;
}
