// What reports of Jest (--json) say: `failed REPORT` lists the files that failed, `unsteady REPORT` tells on standard error
// which of their tests did, `why REPORT...` tells there how each failed, `sum REPORT...` prints the count of all. Of a file in
// several reports the last one counts.
import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

/** Lines of a failure that are told again at the end; the whole of it stands where it happened. */
const LINES = 12;

const [what, ...reports] = process.argv.slice(2);
const files = new Map();
for (const report of reports) for (const file of JSON.parse(readFileSync(report, 'utf8')).testResults) files.set(file.name, file);

if (what === 'failed') {
  for (const file of files.values()) if (file.status === 'failed') console.log(file.name);
} else if (what === 'unsteady') {
  for (const file of files.values())
    for (const test of file.assertionResults)
      if (test.status === 'failed') console.error(`unsteady, passed only when run again: ${file.name}: ${test.fullName}`);
} else if (what === 'why') {
  for (const file of files.values()) {
    if (file.status !== 'failed') continue;
    const tests = file.assertionResults.filter(({ status }) => status === 'failed');
    // A file that cannot be loaded, or that failed outside of its tests, has only its own message.
    for (const { fullName, failureMessages } of tests.length > 0
      ? tests
      : [{ fullName: '', failureMessages: [file.message ?? ''] }])
      console.error(`failed: ${file.name}: ${fullName}\n${shortened(failureMessages.join('\n'))}`);
  }
} else {
  const sum = { passed: 0, failed: 0, pending: 0, todo: 0 };
  for (const file of files.values()) {
    for (const test of file.assertionResults) if (Object.hasOwn(sum, test.status)) sum[test.status]++;
    // A file that cannot be loaded has no tests to count.
    if (file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed')) sum.failed++;
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.pending + sum.todo} skipped`);
  process.exit(sum.failed > 0 || sum.passed === 0 ? 1 : 0);
}

function shortened(message) {
  const lines = stripVTControlCharacters(message).split('\n');
  return lines
    .slice(0, LINES)
    .map((line) => `  ${line.slice(0, 300)}`)
    .join('\n');
}
