import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { REST_STATUSES, STATUSES } from '../../api-gateway/picture.ts';
import { isSetting } from '../../operator/setting-names.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { brokenLinks, documents, missingExamples, missingPaths, read, root } from './documents.ts';

describe.each(documents())('%s', (document) => {
  it('links only to files and headings that are there', () => {
    expect(brokenLinks(document)).toEqual([]);
  });

  it('names only example manifests that are there', () => {
    expect(missingExamples(document)).toEqual([]);
  });

  it('names only files of the repository that are there', () => {
    expect(missingPaths(document)).toEqual([]);
  });
});

describe('the user guide', () => {
  const guide = read('docs/user-guide.md');

  it('leads to every example', () => {
    for (const name of readdirSync(join(root, 'docs/examples'))) expect(guide).toContain(`(examples/${name})`);
  });

  it('tells every phase with its REST status', () => {
    const rows = [...guide.matchAll(/^\| (\w+) \| `([A-Z_]+)` \|/gm)].map(([, phase, status]) => [phase, status]);
    expect(Object.fromEntries(rows)).toEqual(REST_STATUSES);
  });

  it('names only settings that there are', () => {
    const statuses: readonly string[] = STATUSES;
    const named = [...guide.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !isSetting(name) && !statuses.includes(name))).toEqual([]);
  });
});

it('a document with links, examples and files that are not there is told of', async () => {
  await using folder = await temporaryFolder();
  for (const name of ['docs/examples', 'operator']) mkdirSync(join(folder.path, name), { recursive: true });
  writeFileSync(join(folder.path, 'docs/examples/session.yaml'), '');
  writeFileSync(join(folder.path, 'docs/there.md'), '# What it is: a test!\n');
  const lines = [
    '[a](docs/there.md#what-it-is-a-test) [b](docs/there.md#other) [c](gone.md "title") ![d](gone.svg) [e](../outside.md)',
    '[f](https://example.com/gone) `[g](gone.md)`',
    '```sh\nkubectl apply -f docs/examples/session.yaml -f session-gone.yaml\n```',
    '`operator/` `operator/gone.ts` `else/where.ts`',
  ];
  writeFileSync(join(folder.path, 'README.md'), lines.join('\n'));
  expect(documents(folder.path).sort()).toEqual(['README.md', 'docs/there.md']);
  expect(brokenLinks('README.md', folder.path)).toEqual(['docs/there.md#other', 'gone.md', 'gone.svg', '../outside.md']);
  expect(missingExamples('README.md', folder.path)).toEqual(['session-gone.yaml']);
  expect(missingPaths('README.md', folder.path)).toEqual(['operator/gone.ts']);
});
