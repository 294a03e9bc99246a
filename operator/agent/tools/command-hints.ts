/** Advice on how commands fail that costs a model many steps to find out by itself. */
import type { CommandResult } from '../../sandbox/sandbox.ts';

type Ended = CommandResult & { state: 'exited' };

type Hint = {
  when: (command: string, result: Ended, output: string) => boolean;
  words: (command: string, output: string) => string;
};

/** Sentences to put below the result of a command; mostly none. */
export function hintFor(command: string, result: Ended, output: string): string[] {
  return HINTS.filter(({ when }) => when(command, result, output))
    .slice(0, 2)
    .map(({ words }) => words(command, output));
}

const INTERACTIVE =
  /(^|[;&|]\s*)(vi|vim|nano|emacs|less|more|top|htop|watch|ssh|telnet|mysql|psql|gdb|pdb)(\s|$)|\bgit\s+(rebase\s+(-i|--interactive)|add\s+(-p|-i|--patch))\b/m;

const HINTS: readonly Hint[] = [
  {
    when: (command, result) => result.exitCode === 0 && /^\s*cd(\s+\S+)?\s*$/.test(command),
    words: () => 'This had no effect: the next command starts in the repository root again. Write "cd DIR && command".',
  },
  {
    when: (_, result, output) => result.exitCode === 127 && /not found/i.test(output.slice(-2000)),
    words: () =>
      'A program was not found. The output above may say how to have it; else see what there is with "command -v NAME". The project may bring its own (npx, python -m, ./gradlew).',
  },
  {
    when: (_, result) => result.exitCode === 126,
    words: () =>
      'The file is not executable: run it with its interpreter (sh FILE, python FILE), or chmod +x it if it should be.',
  },
  {
    when: (_, result) => result.exitCode === 137 && !result.endedBy,
    words: () => 'It was killed, most likely because memory ran out. Run less at once, or with fewer workers.',
  },
  {
    when: (command, result) => (result.exitCode !== 0 || result.endedBy === 'timeout') && INTERACTIVE.test(command),
    words: () =>
      'Interactive programs do not work here: there is no terminal and standard input is empty. Use their options or a script instead.',
  },
  {
    when: (_, result, output) =>
      result.exitCode !== 0 &&
      /EOFError|EOF when reading|not a (tty|terminal)|stdin is not a|the input device is not a TTY/i.test(output.slice(-4000)),
    words: () =>
      'It wanted to read from standard input, which is empty. Give the answer by an option, or feed it: printf "y\\n" | command',
  },
  {
    when: (_, result, output) => result.exitCode !== 0 && /No space left on device|ENOSPC/.test(output),
    words: () => 'The disk is full. Remove build output and caches that you made before you go on.',
  },
  {
    when: (_, result, output) =>
      result.exitCode !== 0 &&
      /Could not resolve host|Temporary failure in name resolution|EAI_AGAIN|ENOTFOUND|Network is unreachable/.test(output),
    words: () => 'The network or that host cannot be reached from here. Work with what is installed; do not try again and again.',
  },
];
