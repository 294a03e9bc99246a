// What reports of Jest (--json) say: `failed REPORT` lists the files that failed, `unsteady REPORT` tells on standard error
// which of their tests did, `sum REPORT...` prints the count of all. Of a file in several reports the last one counts.
import { readFileSync } from 'node:fs';

const [what, ...reports] = process.argv.slice(2);
const files = new Map();
for (const report of reports) for (const file of JSON.parse(readFileSync(report, 'utf8')).testResults) files.set(file.name, file);

if (what === 'failed') {
  for (const file of files.values()) if (file.status === 'failed') console.log(file.name);
} else if (what === 'unsteady') {
  for (const file of files.values())
    for (const test of file.assertionResults)
      if (test.status === 'failed') console.error(`unsteady, passed only when run again: ${file.name}: ${test.fullName}`);
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
