import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { itWithMount } from '../test/support/requirements.ts';
import { makeUsable } from './usable-folder.ts';

const withMount = itWithMount();
const onLinux = process.platform === 'linux' ? it : it.skip;
const asRoot = process.geteuid?.() === 0 ? it : it.skip;
if (process.platform !== 'linux') console.warn('not tested: folders below /proc, which only Linux has');
if (process.geteuid?.() !== 0) console.warn('not tested: folders of other users, which only root can make');

const use = { what: 'workspace', variable: 'SWE_AGENT_WORKSPACE' };
const state = { what: 'state folder', variable: 'SWE_AGENT_STATE_DIR', private: true, knownBy: 'lock.db' };

describe('A folder that a setting names', () => {
  let parent: string;
  let mounted: string | undefined;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'folder-'));
  });
  afterEach(() => {
    if (mounted) execFileSync('umount', [mounted]);
    mounted = undefined;
    rmSync(parent, { recursive: true });
  });
  const mount = (options: string): string => {
    const folder = join(parent, 'mounted');
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'swe-agent-test', folder]);
    mounted = folder;
    return folder;
  };

  it('is made with its parents, and nothing is left of the trial', () => {
    makeUsable(join(parent, 'a/b/c'), use);
    makeUsable(join(parent, 'a/b/c'), use);
    expect(readdirSync(join(parent, 'a/b/c'))).toEqual([]);
  });

  it('that is private is closed to others, unless it holds what is none of ours', () => {
    makeUsable(join(parent, 'new/deep'), state);
    expect(statSync(join(parent, 'new/deep')).mode & 0o777).toBe(0o700);
    const shared = join(parent, 'shared');
    mkdirSync(shared);
    chmodSync(shared, 0o755);
    writeFileSync(join(shared, 'file'), '');
    expect(() => makeUsable(shared, state)).toThrow(
      `the state folder ${shared} cannot be used (it holds other things, which would be closed to all other users): empty it, or set SWE_AGENT_STATE_DIR to another folder`,
    );
    expect(statSync(shared).mode & 0o777).toBe(0o755);
    writeFileSync(join(shared, 'lock.db'), '');
    makeUsable(shared, state);
    expect(statSync(shared).mode & 0o777).toBe(0o700);
  });

  it('is refused where a file or a link to nothing is in its place or on the way, and these stay', () => {
    writeFileSync(join(parent, 'file'), 'x');
    symlinkSync('nowhere', join(parent, 'link'));
    for (const [name, why] of [
      ['file', `${parent}/file is a file`],
      ['file/below', 'a part of its path is a file'],
      ['link', `${parent}/link is a link that leads nowhere`],
      ['link/below', `${parent}/link is a link that leads nowhere`],
    ] as const) {
      expect(() => makeUsable(join(parent, name), use)).toThrow(`the workspace ${parent}/${name} cannot be used (${why}): `);
      expect(() => makeUsable(join(parent, name), use)).toThrow(/, or set SWE_AGENT_WORKSPACE to another folder$/);
    }
    expect(readdirSync(parent)).toEqual(['file', 'link']);
  });

  onLinux('is refused at once where the system takes no folders', () => {
    for (const [path, at] of [
      ['/proc/swe-agent', '/proc'],
      ['/proc/swe-agent/deep/er', '/proc'],
    ]) {
      const words = `the state folder ${path} cannot be used (${at} takes no folders): move it elsewhere, or set SWE_AGENT_STATE_DIR`;
      expect(() => makeUsable(path ?? '', state)).toThrow(words);
    }
  });

  asRoot("is refused when it is another user's, or below what only another user may write", () => {
    const theirs = join(parent, 'theirs');
    mkdirSync(theirs, { mode: 0o755 });
    chownSync(theirs, 54_321, 54_321);
    chmodSync(parent, 0o755);
    const open = join(parent, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    process.seteuid?.(54_322);
    try {
      expect(() => makeUsable(join(theirs, 'new'), use)).toThrow(
        `(nothing may be written in ${theirs}, which belongs to the user with the number 54321): make it writable`,
      );
      expect(() => makeUsable(theirs, use)).toThrow('which belongs to the user with the number 54321');
      expect(() => makeUsable(open, state)).toThrow('(it belongs to the user with the number 0): start as that user');
      makeUsable(open, use);
    } finally {
      process.seteuid?.(0);
    }
    expect(existsSync(join(theirs, 'new'))).toBe(false);
  });

  withMount('is refused on a file system without space', () => {
    const full = mount('size=64k');
    expect(() => makeUsable(join(full, 'state'), state)).toThrow('(no space is left on its disk): free some space, or set');
    expect(readdirSync(join(full, 'state'))).toEqual([]);
  });

  withMount('is refused on a file system that can only be read', () => {
    const fixed = mount('size=1m,ro');
    const words = `(${fixed} is on a file system that can only be read): mount it for writing`;
    expect(() => makeUsable(fixed, use)).toThrow(words);
    expect(() => makeUsable(join(fixed, 'new'), use)).toThrow(words);
  });
});
