import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { removeTree } from './remove.ts';

const NOBODY = 65_534;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'remove-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('removes folders that may not be written to, without being root, and follows no link', async () => {
  const tree = join(folder, 'tree');
  const outside = join(folder, 'outside');
  const folders = Array.from({ length: 30 }, (_, index) => join(tree, `module-${index}`));
  const inner = folders.map((path) => join(path, 'deep'));
  for (const path of [...inner, outside]) mkdirSync(path, { recursive: true });
  for (const path of inner) writeFileSync(join(path, 'file'), 'x', { mode: 0o444 });
  writeFileSync(join(outside, 'kept'), 'kept');
  symlinkSync(outside, join(tree, 'link'));
  const root = process.getuid?.() === 0;
  // Root may do everything; the difference is seen only without its rights.
  if (root) for (const path of [folder, tree, ...folders, ...inner]) chownSync(path, NOBODY, NOBODY);
  for (const path of [...inner, ...folders]) chmodSync(path, 0o555);
  chmodSync(outside, 0o555);
  if (root) process.seteuid?.(NOBODY);
  try {
    await removeTree(tree);
  } finally {
    if (root) process.seteuid?.(0);
  }
  expect(existsSync(tree)).toBe(false);
  expect(readFileSync(join(outside, 'kept'), 'utf8')).toBe('kept');
});

it('is content with a tree that is not there', async () => {
  await expect(removeTree(join(folder, 'nothing'))).resolves.toBeUndefined();
});
