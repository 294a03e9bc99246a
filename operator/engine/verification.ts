/** Which passing commands count as verification. Exit code 0 alone says nothing: `true` has it, and so has a run of no tests. */

export type Judgement = { counted: boolean; note?: string };

/** Commands that check nothing, whatever they print. */
const EMPTY =
  /^(?:true|:|exit(?:\s+0)?(?=\s*$)|echo|printf|ls|pwd|cat|cd|sleep|date|whoami|test\s+1|git\s+(?:status|log|diff|show))(?:\s|$)/;

/** What test runners say when they ran nothing. */
const NO_TESTS: RegExp[] = [
  /\bno tests? (?:were |was )?(?:found|ran|run|collected|executed|to run|files? found)\b/i,
  /\bcollected 0 items\b/,
  /\bran 0 tests\b/i,
  /\brunning 0 tests\b[\s\S]*\b0 passed\b/,
  /\[no test(?:s to run| files)\]/,
  /\bno test files found\b/i,
  /^# tests 0$/m,
  /\b0 (?:examples?|specs?|scenarios?|tests?), 0 failures\b/i,
  /^Tests:\s+0 total/m,
  /\bno tests? matching\b/i,
  /Error: no test specified/,
];

/** What test runners say when they ran something; outweighs a part that ran nothing. */
const SOME_TESTS: RegExp[] = [
  /\b[1-9]\d* (?:passed|passing|tests? passed|examples?|specs?)\b/i,
  /\bRan [1-9]\d* tests?\b/,
  /^ok\s+\S+\s+(?:\(cached\)|[\d.]+s)(?!.*\[no tests)/m,
  /^# pass [1-9]/m,
  /^ok [1-9]\d* /m,
  /\bTests run: [1-9]/,
  /\bOK \([1-9]\d* tests?/,
  /test result: ok\. [1-9]/,
];

/** Programs that pass on what they read and succeed whatever it was. */
const PASSES_ON = /^(?:tail|head|tee|cat|less|more|wc|sort|uniq|nl|column|fold|sed|tr|cut|grep\s+(?:-\w+\s+)*-\w*v)(?:\s|$)/;

const FOR_THE_EYE = /^(?:tail|head|tee|less|more)(?:\s[^>]*)?$/;

/**
 * Why the exit code of a command says nothing about the check in it, and what to do; undefined when it does. What stands
 * in quotes is not looked at.
 */
export function hiddenOutcome(command: string): string | undefined {
  const plain = command.replace(/\\./gs, '_').replace(/'[^']*'|"[^"]*"|\$\([^()]*\)|`[^`]*`/g, '_');
  if (/\|\|\s*(?:true|:|exit\s+0|echo\b)/.test(plain)) return 'it passes whatever happens: leave out what follows ||';
  if (/(?<![&>|])&\s*$/.test(plain)) return 'it runs in the background: leave out the & at its end';
  const careful = /\bset\s+-\w*e/.test(plain);
  if (!/\bpipefail\b/.test(plain)) {
    const ends = plain.split(/\|\||&&|;|\n/).map((part) => part.split('|').slice(1).at(-1)?.trim() ?? '');
    // Before the last part of a command a pipe may prepare what is then compared; what is only for the eye may not.
    const end = ends.find((one, index) => (index === ends.length - 1 ? PASSES_ON : FOR_THE_EYE).test(one));
    if (end) return `a pipe ends with the exit code of its last part (${end.split(/\s/)[0]}): leave the pipe out`;
  }
  const steps = plain.split(/;|\n/).filter((part) => part.trim() !== '');
  if (!careful && steps.length > 1 && EMPTY.test(steps.at(-1)?.trim() ?? ''))
    return `it ends with "${steps.at(-1)?.trim()}", which always passes: join commands with && or leave that out`;
  return undefined;
}

/**
 * Judges one run. A command counts when it passed, is not a mere placeholder, and did not say that it ran no test.
 * `|| true` and the like throw the outcome away, so they do not count either.
 */
export function judgeCheck(command: string, exitCode: number, output: string): Judgement {
  if (exitCode !== 0) return { counted: false };
  // A pipeline is as good as its best part: `printf … | program` runs the program.
  const parts = command
    .replace(/\\./gs, '_')
    .replace(/'[^']*'|"[^"]*"/g, '_')
    .split(/&&|[;\n|]/)
    .map((part) => part.trim().replace(/^(?:\w+=\S*\s+)+/, ''))
    .filter((part) => part !== '');
  if (parts.every((part) => EMPTY.test(part))) return { counted: false, note: 'checks nothing' };
  const hidden = hiddenOutcome(command);
  if (hidden) return { counted: false, note: `its exit code says nothing: ${hidden}` };
  if (NO_TESTS.some((pattern) => pattern.test(output)) && !SOME_TESTS.some((pattern) => pattern.test(output))) {
    return { counted: false, note: 'ran no test' };
  }
  return { counted: true };
}
