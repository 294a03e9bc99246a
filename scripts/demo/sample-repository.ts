/** A small repository with a failing test, made anew for every demonstration. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FILES: Record<string, string> = {
  'README.md': `# receipt

Adds up the lines of a receipt.

    node --test

`,
  'AGENTS.md': `# Working on receipt

- Amounts are integers, in cents. Never use floating point for money.
- Every change of behaviour needs a test in \`test/\`; run them with \`node --test\`.
`,
  'package.json': `{
  "name": "receipt",
  "version": "1.0.0",
  "type": "module",
  "scripts": { "test": "node --test" }
}
`,
  'src/receipt.js': `/** The sum of a receipt's lines, in cents. A line is {price, quantity, discountPercent?}. */
export function total(lines) {
  let sum = 0;
  for (const line of lines) {
    sum += line.price * line.quantity;
    if (line.discountPercent) {
      sum -= line.price * (line.discountPercent / 100);
    }
  }
  return sum;
}
`,
  'test/receipt.test.js': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { total } from '../src/receipt.js';

test('adds up price times quantity', () => {
  assert.equal(total([{ price: 250, quantity: 2 }, { price: 100, quantity: 1 }]), 600);
});

test('takes the discount off every piece of a line', () => {
  assert.equal(total([{ price: 1000, quantity: 3, discountPercent: 10 }]), 2700);
});
`,
};

/** Makes the repository in a folder that must not exist. Its test suite fails. */
export function makeSampleRepository(folder: string): void {
  for (const [name, text] of Object.entries(FILES)) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, 0o644);
  }
  const env = {
    PATH: process.env.PATH,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.com',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.com',
  };
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['add', '-A'],
    ['commit', '-q', '-m', 'Add up receipts'],
  ]) {
    execFileSync('git', args, { cwd: folder, env });
  }
}
