import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ToolSandbox, toolSandbox } from '../../../test/support/tool-sandbox.ts';
import { byteLength } from './truncate.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join('');
const ODD_NAMES = [
  '-dash.txt',
  'with space.txt',
  "it's.txt",
  'quo"te.txt',
  'new\nline.txt',
  'größe 日本.txt',
  '$HOME.txt',
  'back\\slash.txt',
];

describe('read_file', () => {
  let box: ToolSandbox;
  beforeAll(async () => {
    box = await toolSandbox({
      files: {
        'src/short.ts': 'one\n\n  three',
        'long.txt': numbers(5000),
        'narrow.txt': 'x\n'.repeat(5000),
        'wide.txt': `${'x'.repeat(100_000)}\nend\n`,
        'heavy.txt': `${'y'.repeat(900)}\n`.repeat(100),
        'empty.txt': '',
        'dos.txt': 'a\r\nb\r\n',
        'utf16.txt': Buffer.from('\uFEFFhé\n', 'utf16le'),
        'latin.txt': Buffer.from('gr\xfc\xdfe\n', 'latin1'),
        'logo.png': Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\0', 'latin1'),
        'data.bin': Buffer.from([0, 1, 2, 3]),
        'src/auth/login.ts': 'login\n',
        ...Object.fromEntries(ODD_NAMES.map((name) => [name, `in ${name}\n`])),
      },
    });
    await symlink('/etc', join(box.repo, 'way-out'));
    await writeFile(join(box.repo, '..', 'outside.txt'), numbers(30));
  });
  afterAll(async () => box[Symbol.asyncDispose]());

  const text = async (args: Record<string, unknown>) => (await box.call('read_file', args)).text;

  it('shows lines with numbers', async () => {
    expect(await box.call('read_file', { path: 'src/short.ts' })).toEqual({ outcome: 'ok', text: '1\tone\n2\t\n3\t  three' });
  });

  it('remembers what the model has seen', async () => {
    await box.call('read_file', { path: `${box.sandbox.worktree}/src/short.ts` });
    expect([...box.seen.keys()]).toContain('src/short.ts');
  });

  it('shows a range, also from the end', async () => {
    expect(await text({ path: 'long.txt', start_line: 10, end_line: 11 })).toBe(
      '10\tline 10\n11\tline 11\n[lines 10-11 of 5,000]',
    );
    expect(await text({ path: 'long.txt', start_line: -2 })).toBe('4999\tline 4999\n5000\tline 5000\n[lines 4999-5000 of 5,000]');
    expect(await text({ path: 'src/short.ts', start_line: 3, end_line: 99 })).toBe('3\t  three\n[lines 3-3 of 3]');
  });

  it('stops after 2000 lines or 32 KB and says how to go on', async () => {
    const lines = (await text({ path: 'narrow.txt' })).split('\n');
    expect(lines).toHaveLength(2001);
    expect(lines.at(-1)).toBe('[lines 1-2000 of 5,000; go on with start_line 2001]');
    const heavy = await text({ path: 'heavy.txt' });
    expect(byteLength(heavy)).toBeLessThan(33 * 1024);
    expect(heavy).toMatch(/\[lines 1-36 of 100; go on with start_line 37\]$/);
  });

  it('shortens endless lines and says so', async () => {
    const wide = await text({ path: 'wide.txt' });
    expect(byteLength(wide)).toBeLessThan(1500);
    expect(wide).toContain('2\tend\n[long lines were shortened');
  });

  it.each([
    ['dos.txt', '1\ta\n2\tb'],
    ['utf16.txt', '1\thé\n[encoding UTF-16LE]'],
    ['latin.txt', '1\tgrüße\n[encoding Latin-1]'],
    ['empty.txt', 'empty.txt is empty.'],
  ])('reads %s', async (path, expected) => {
    expect(await box.call('read_file', { path })).toEqual({ outcome: 'ok', text: expected });
  });

  it.each(ODD_NAMES)('reads a file named %j', async (path) => {
    expect(await text({ path })).toContain(`1\tin ${path.split('\n')[0]}`);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ path: 'logo.png' }, 'logo.png is a PNG image of 12 bytes. Images cannot be shown here'],
    [{ path: 'data.bin' }, 'data.bin is a binary file of 4 bytes.'],
    [{ path: 'src' }, 'src is a directory. list_files'],
    [{ path: 'src/login.ts' }, 'There is no file src/login.ts. Did you mean: src/auth/login.ts?'],
    [{ path: 'zzz/qqq' }, 'There is no file zzz/qqq. list_files shows what is there.'],
    [{ path: 'src/short.ts', start_line: 4 }, 'src/short.ts has only 3 lines; start_line 4 is after the end.'],
    [{ path: 'src/short.ts', start_line: 3, end_line: 2 }, 'start_line 3 is after end_line 2.'],
    [{ path: 'way-out/hostname' }, 'outside of the repository'],
    [{ path: '' }, 'The path is empty.'],
    [{ path: 'a\u0001\u001eb' }, 'cannot be used as a path'],
  ])('says of %j what it is', async (args, words) => {
    const result = await box.call('read_file', args);
    expect(result.outcome).toBe('error');
    expect(result.text).toContain(words);
  });

  it('reads a file elsewhere on the machine by its absolute path, with the rights of a command', async () => {
    const path = `${box.sandbox.root}/outside.txt`;
    expect(await text({ path, start_line: 29 })).toBe('29\tline 29\n30\tline 30\n[231 bytes; lines 29-30 of 30]');
    expect(await text({ path, start_line: -1 })).toContain('30\tline 30');
    expect(await text({ path: '/nowhere/x' })).toBe('There is no file /nowhere/x.');
    expect(await text({ path: '/etc' })).toBe('/etc is a directory.');
    expect(await text({ path: '/dev/zero' })).toBe('/dev/zero is not a regular file.');
  });

  it('reads a part of a file that is too large to be fetched', async () => {
    await writeFile(join(box.repo, 'huge.log'), 'x'.repeat(79).concat('\n').repeat(150_000));
    const view = await text({ path: 'huge.log', start_line: 149_999 });
    expect(view).toMatch(/^149999\tx{79}\n150000\tx{79}\n\[11\.4 MB; lines 149999-150000 of 150,000\]$/);
    await rm(join(box.repo, 'huge.log'));
  });
});

describe.each([
  ['ripgrep', [], ''],
  ['git grep', ['rg'], ''],
  ['find and grep', ['rg', 'git'], ''],
])('search with %s', (engine, without) => {
  let box: ToolSandbox;
  beforeAll(async () => {
    box = await toolSandbox({
      without,
      files: {
        'src/app.ts': 'import { load } from "./load";\n\nexport function start() {\n  return load("x");\n}\n',
        'src/load.ts': 'export const load = (name: string) => name;\r\n// TODO: load more\r\n',
        'src/load.test.ts': 'load(1)\n',
        'docs/größe und mehr.md': 'how to load\n',
        '.github/ci.yml': 'run: load\n',
        'binary.dat': Buffer.from('load\0load\n'),
        'many.txt': Array.from({ length: 300 }, (_, index) => `needle ${index}\n`).join(''),
        'few.txt': 'needle\n',
        'wide.min.js': `${'w'.repeat(50_000)};wideword\n`,
        ...(engine === 'find and grep' ? {} : Object.fromEntries(ODD_NAMES.map((name) => [`odd/${name}`, 'oddity\n']))),
        '.gitignore': 'build/\n*.log\n',
      },
    });
    await mkdir(join(box.repo, 'build'));
    await writeFile(join(box.repo, 'build', 'out.js'), 'load built\n');
    await writeFile(join(box.repo, 'debug.log'), 'load logged\n');
    await writeFile(join(box.repo, 'src', 'new.ts'), 'load untracked\n');
  });
  afterAll(async () => box[Symbol.asyncDispose]());

  const text = async (args: Record<string, unknown>) => (await box.call('search', args)).text;

  it('answers path, line and text of each match', async () => {
    expect(await box.call('search', { pattern: 'export \\w+ \\w+', path: 'src' })).toEqual({
      outcome: 'ok',
      text: '2 matches in 2 files:\nsrc/app.ts:3: export function start() {\nsrc/load.ts:1: export const load = (name: string) => name;',
    });
  });

  it('finds what is tracked or new, hidden or not, and no binary', async () => {
    const found = await text({ pattern: '\\bload\\b' });
    for (const path of ['.github/ci.yml:1', 'docs/größe und mehr.md:1', 'src/app.ts:4', 'src/load.test.ts:1', 'src/new.ts:1'])
      expect(found).toContain(path);
    expect(found).not.toContain('.git/');
    if (engine !== 'find and grep') {
      expect(found).not.toContain('build/');
      expect(found).not.toContain('debug.log');
      expect(found).not.toContain('binary.dat');
    }
  });

  it('searches an ignored directory or file that is named', async () => {
    expect(await text({ pattern: 'load', path: 'build' })).toBe('1 match in 1 file:\nbuild/out.js:1: load built');
    expect(await text({ pattern: 'load', path: 'debug.log' })).toBe('1 match in 1 file:\ndebug.log:1: load logged');
  });

  it.each<[Record<string, unknown>, string[]]>([
    [{ pattern: 'load', glob: '*.md' }, ['docs/größe und mehr.md']],
    [{ pattern: 'load', glob: 'src/**/*.ts,!*.test.ts' }, ['src/app.ts', 'src/load.ts', 'src/new.ts']],
    [{ pattern: 'load', glob: '*.{yml,md}' }, ['.github/ci.yml', 'docs/größe und mehr.md']],
    [{ pattern: 'load', path: 'src', glob: 'src/*.test.ts' }, ['src/load.test.ts']],
    [{ pattern: 'load\\(', path: 'src/app.ts' }, ['src/app.ts']],
    [{ pattern: '^needle$' }, ['few.txt']],
    [{ pattern: '(?i)^HOW to [LM]\\w+$' }, ['docs/größe und mehr.md']],
    [{ pattern: '[\\d.]{3}', path: 'many.txt' }, ['many.txt']],
    [{ pattern: '(?:load|needle)\\s+\\d{3}$' }, ['many.txt']],
  ])('searches %j', async (args, files) => {
    const lines = (await text(args)).split('\n').slice(1);
    expect([...new Set(lines.map((line) => line.split(':')[0]))]).toEqual(files);
  });

  it('shows a hundred matches, some of each file, and tells how many there are', async () => {
    const found = await text({ pattern: 'needle' });
    expect(found).toMatch(/^301 matches in 2 files:\nfew\.txt:1: needle\nmany\.txt:1: needle 0\n/);
    expect(found).toContain('many.txt: [290 more in this file]');
    expect(byteLength(found)).toBeLessThan(13_000);
    const one = await text({ pattern: 'needle', path: 'many.txt' });
    expect(one.split('\n')).toHaveLength(102);
    expect(one).toContain('many.txt: [200 more in this file]');
  });

  it('searches literally for what is no regular expression, and says so', async () => {
    const found = await text({ pattern: 'load(' });
    expect(found).toMatch(/^The pattern is no valid regular expression \(.*\), so it was searched for as plain text\.\n/);
    expect(found).toContain('src/app.ts:4:   return load("x");');
  });

  it('tries without regard to case before it gives up', async () => {
    expect(await text({ pattern: 'ToDo' })).toBe('No match; ignoring case:\nsrc/load.ts:2: // TODO: load more');
    const many = await text({ pattern: 'NEEDLE' });
    expect(many.split('\n')).toHaveLength(4);
    expect(many).toMatch(/^No match; ignoring case \([\d,]+ matches, use \(\?i\) to see them\):\n/);
    expect(await text({ pattern: 'nowhere to be found' })).toMatch(/^No match for "nowhere to be found"\. Try a shorter/);
    expect(await text({ pattern: 'import', path: 'docs', glob: '*.md' })).toContain(
      'No match for "import" in docs in files *.md. Try without path and glob',
    );
  });

  it('keeps the lines of minified files short', async () => {
    expect(byteLength(await text({ pattern: 'w{20}' }))).toBeLessThan(600);
  });

  it.each(['-x', "it's $HOME", '"quoted"', '`id`', 'a\\\\b'])('takes the pattern %j as it is', async (pattern) => {
    expect(await box.call('search', { pattern })).toMatchObject({ outcome: 'ok', text: expect.stringContaining('No match') });
  });

  if (engine !== 'find and grep') {
    it('finds matches in files with odd names', async () => {
      const found = await text({ pattern: 'oddity' });
      for (const name of ODD_NAMES.filter((one) => !one.includes('\n'))) expect(found).toContain(`odd/${name}:1: oddity`);
      expect(await text({ pattern: 'oddity', path: 'odd/-dash.txt' })).toContain('odd/-dash.txt:1: oddity');
      expect(await text({ pattern: 'oddity', path: 'odd', glob: "it's.txt" })).toContain("odd/it's.txt:1: oddity");
    });
  }

  it('says what is wrong with the place', async () => {
    expect(await box.call('search', { pattern: 'x', path: 'src/lod.ts' })).toMatchObject({
      outcome: 'error',
      text: expect.stringContaining('Did you mean: src/load.ts'),
    });
    expect(await box.call('search', { pattern: 'x', path: '/etc' })).toMatchObject({
      outcome: 'error',
      text: expect.stringContaining('outside of the repository'),
    });
    expect(await box.call('search', { pattern: '' })).toMatchObject({ outcome: 'error', text: expect.stringContaining('empty') });
  });
});

describe('search with ripgrep', () => {
  it('finds text across lines and with look-around where ripgrep can', async () => {
    await using box = await toolSandbox({ files: { 'a.txt': 'first\nsecond\nfoobar\n' } });
    expect((await box.call('search', { pattern: 'first\\nsecond' })).text).toContain('a.txt:1: first');
    expect((await box.call('search', { pattern: 'foo(?=bar)' })).text).toContain('foobar');
  });
});

describe('list_files', () => {
  let box: ToolSandbox;
  beforeAll(async () => {
    box = await toolSandbox({
      files: {
        'README.md': 'x',
        'src/app/main.ts': 'x',
        'src/app/ui/button.tsx': 'x',
        'gone.txt': 'x',
        '.gitignore': 'build/\n',
        ...Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`data/${index}.json`, 'x'])),
        ...Object.fromEntries(ODD_NAMES.map((name) => [`odd/${name}`, 'x'])),
      },
    });
    await rm(join(box.repo, 'gone.txt'));
    await mkdir(join(box.repo, 'build'));
    await mkdir(join(box.repo, 'hollow'));
    await writeFile(join(box.repo, 'build', 'out.js'), 'x');
    await writeFile(join(box.repo, 'new file.txt'), 'x');
  });
  afterAll(async () => box[Symbol.asyncDispose]());

  const text = async (args: Record<string, unknown>) => (await box.call('list_files', args)).text;

  it('shows the repository as a tree with counts for what does not fit', async () => {
    const tree = await text({});
    expect(tree).toMatch(/^\(263 files\)\ndata\/ \(250 files\)\nodd\/\n/);
    expect(tree).toContain('\nsrc/app/\n  ui/\n    button.tsx\n  main.ts\n.gitignore\nREADME.md\nnew file.txt\n[give a path');
    expect(tree).not.toMatch(/gone|build|\.git\//);
  });

  it('shows a directory, an ignored one as well', async () => {
    expect(await text({ path: 'src' })).toBe('src/ (2 files)\napp/\n  ui/\n    button.tsx\n  main.ts');
    expect(await text({ path: './build/' })).toBe('build/ (1 file)\nout.js\n[git ignores this directory]');
    expect(await text({ path: 'hollow' })).toBe('hollow is empty.');
    expect((await text({ path: 'data' })).split('\n')).toHaveLength(202);
  });

  it('shows the paths that fit a pattern', async () => {
    expect(await text({ glob: '*.{ts,tsx}' })).toBe('2 files:\nsrc/app/main.ts\nsrc/app/ui/button.tsx');
    expect(await text({ path: 'src', glob: 'app/*.ts' })).toBe('1 file:\nsrc/app/main.ts');
    expect(await text({ glob: '*.rb' })).toContain('No file in the repository fits "*.rb"; it has 263 files.');
  });

  it('shows names as they are', async () => {
    const tree = await text({ path: 'odd' });
    for (const name of ODD_NAMES) expect(tree).toContain(name);
  });

  it('says what is wrong with the place', async () => {
    expect(await text({ path: 'scr/app' })).toBe('There is no directory scr/app. Did you mean: src/app?');
    expect(await text({ path: 'README.md' })).toBe('README.md is a file of 1 byte, not a directory. read_file shows it.');
    expect(await text({ path: '..' })).toContain('is outside of the repository. Use bash: ls');
  });

  it('says that there is nothing', async () => {
    await using empty = await toolSandbox();
    expect((await empty.call('list_files', {})).text).toBe('The repository has no files.');
  });
});
