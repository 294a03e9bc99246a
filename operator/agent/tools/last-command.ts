/** Whose exit code a success is: of a pipe and of commands one after the other it is the last one's, whatever the tests said. */

/**
 * Name of the program whose exit code 0 would be taken for that of a test or build before it; undefined when nothing is
 * hidden, or the command looks at the code itself. Textual: what it cannot read says nothing.
 */
export function hidingCommand(command: string): string | undefined {
  if (command.length > LONGEST || /\$\?|\$\{?PIPESTATUS/.test(command)) return undefined;
  const plain = command
    .replace(HERE_DOCUMENT, '$3')
    .replace(/\\./gs, '_')
    .replace(/'[^']*'|"[^"]*"|\$\([^()]*\)|`[^`]*`/g, '_')
    .replace(/(?:^|(?<=\s))#.*/gm, '');
  const parts = partsOf(plain);
  const last = parts.at(-1);
  if (!last || last.program === 'exit') return undefined;
  const pipefail = /\bset\s+(?:-\w+\s+)*-\w*o\s+pipefail\b/.test(plain);
  const careful = /\bset\s+-\w*e/.test(plain);
  const hidden = parts.some(({ runs, then }, index) => {
    if (!runs) return false;
    if (then === '|' && !pipefail) return true;
    return !careful && parts.slice(index, -1).some((part) => part.then === ';');
  });
  return hidden ? last.program : undefined;
}

type Part = {
  program: string;
  /** It is a test, a build or a check of types or style. */
  runs: boolean;
  /** What stands between it and the next part. */
  then: string;
};

function partsOf(plain: string): Part[] {
  const pieces = plain.split(/(\|\||&&|\|&?|;+|\n|(?<![<>&])&(?![>&]))/);
  const parts: Part[] = [];
  for (let index = 0; index < pieces.length; index += 2) {
    const text = (pieces[index] ?? '').trim().replace(WRAPPERS, '');
    const then = (pieces[index + 1] ?? '').replace(/^(?:;+|\n|&)$/, ';').replace('|&', '|');
    if (/^[)}]?$/.test(text)) continue;
    parts.push({ program: /[^\s/()]+(?=$|[\s()])/.exec(text)?.[0] ?? '', runs: RUNNER.test(text.slice(0, PROGRAM_CHARS)), then });
  }
  return parts;
}

/** Characters of a command that is looked at, and of a part that its program is told from. */
const LONGEST = 10_000;
const PROGRAM_CHARS = 200;

const HERE_DOCUMENT = /<<-?\s*(["']?)(\w+)\1([^\n]*)\n[\s\S]*?\n[ \t]*\2(?=[ \t]*(?:\n|$))/g;

/** What stands before the program that matters. */
const WRAPPERS =
  /^(?:(?:[({!]+|do|then|else|if|while|until|time|nice(?:\s+-n\s*\d+)?|timeout(?:\s+-\S+)*\s+\S+|env|sudo|npx(?:\s+-\S+)*|(?:pnpm|yarn)\s+exec|(?:poetry|uv|pdm|pipenv|hatch)\s+run|bundle\s+exec|python[\d.]*\s+-m|\w+=\S*)\s*(?<=\s|[({!]))+/;

const RUNNER = new RegExp(
  `^(?:\\S*/)?(?:${[
    'pytest|py\\.test|unittest|tox|nox|jest|vitest|mocha|ava|playwright|rspec|phpunit|prove|bats|ctest',
    'tsc|eslint|biome|ruff|mypy|pyright|flake8|pylint|golangci-lint',
    'make|ninja|gradlew?|mvnw?|rake|sbt|bazel|meson|cmake\\s+--build',
    '(?:go|cargo|dotnet|swift|mix|deno|zig)\\s+(?:test|build|check|clippy|vet|nextest)',
    '(?:npm|pnpm|yarn|bun)\\s+(?:t|test|run|ci)',
    'node\\s+(?:-\\S+\\s+)*--test',
    '(?:(?:sh|bash|node|python[\\d.]*|ruby|perl|php)\\s+(?:-\\S+\\s+)*)?\\S*(?:test|check)\\S*\\.(?:sh|py|[cm]?[jt]s|rb|pl|php)',
  ].join('|')})(?=$|[\\s)])`,
);
