import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { patchFiles } from './patch-files.ts';

const HOSTILE = 'we ird "quo\\ted"\t<b>é.txt';

describe('patchFiles', () => {
  let folder = '';
  let patch = '';
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', HOME: folder },
    });
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'patch-files-'));
    git('init', '-q');
    mkdirSync(join(folder, 'src'));
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}\n`);
    writeFileSync(join(folder, 'src/a.ts'), 'one\ntwo\n-- three\n');
    writeFileSync(join(folder, 'moved.txt'), lines.join(''));
    writeFileSync(join(folder, 'gone.txt'), 'bye\n');
    writeFileSync(join(folder, 'image.bin'), Buffer.from([0, 1, 2, 255]));
    writeFileSync(join(folder, 'run.sh'), 'true\n');
    git('add', '-A');
    git('-c', 'user.name=a', '-c', 'user.email=a@b.c', 'commit', '-qm', 'x');
    writeFileSync(join(folder, 'src/a.ts'), 'one\n2\n++ plus\n');
    renameSync(join(folder, 'moved.txt'), join(folder, 'src/here.txt'));
    rmSync(join(folder, 'gone.txt'));
    writeFileSync(join(folder, HOSTILE), 'diff --git a/x b/x\n+++ b/y\n');
    writeFileSync(join(folder, 'image.bin'), Buffer.from([0, 9, 2, 255]));
    writeFileSync(join(folder, 'empty.txt'), '');
    chmodSync(join(folder, 'run.sh'), 0o755);
    symlinkSync('src/a.ts', join(folder, 'link'));
    git('add', '-A');
    patch = git('diff', '--cached', '-M', '--binary');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('tells of every file what became of it, whatever its name', () => {
    const told = patchFiles(patch).map(({ path, change, from, binary, additions, deletions }) => ({
      [path]: `${change}${from ? ` from ${from}` : ''}${binary ? ' binary' : ` +${additions} -${deletions}`}`,
    }));
    expect(Object.assign({}, ...told)).toEqual({
      'empty.txt': 'added +0 -0',
      'gone.txt': 'deleted +0 -1',
      link: 'added +1 -0',
      'run.sh': 'changed +0 -0',
      'image.bin': 'changed binary',
      'src/a.ts': 'changed +2 -2',
      'src/here.txt': 'moved from moved.txt +0 -0',
      [HOSTILE]: 'added +2 -0',
    });
  });

  it('tells the modes that git tells', () => {
    const modes = patchFiles(patch).flatMap(({ path, mode }) =>
      (mode.before ?? mode.after) === undefined ? [] : [[path, mode]],
    );
    expect(Object.fromEntries(modes)).toEqual({
      'empty.txt': { before: undefined, after: '100644' },
      'gone.txt': { before: '100644', after: undefined },
      link: { before: undefined, after: '120000' },
      'run.sh': { before: '100644', after: '100755' },
      [HOSTILE]: { before: undefined, after: '100644' },
    });
  });

  it('gives every file its part, and loses nothing', () => {
    expect(
      patchFiles(patch)
        .map(({ text }) => text)
        .join(''),
    ).toBe(patch);
  });

  it('does not take the signature below a patch for a part of it', () => {
    const mail = `From 1234 Mon Sep 17 00:00:00 2001\nSubject: [PATCH] x\n\n${patch}-- \n2.47.0\n\n`;
    const files = patchFiles(mail);
    expect(files.map(({ text }) => text).join('')).toBe(patch);
    expect(files.map(({ deletions }) => deletions)).toEqual(patchFiles(patch).map(({ deletions }) => deletions));
  });

  it('finds no file in what is no patch', () => {
    expect(patchFiles('')).toEqual([]);
    expect(patchFiles('hello\n')).toEqual([]);
  });
});
