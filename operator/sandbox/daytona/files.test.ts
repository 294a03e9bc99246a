import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { itWithMount } from '../../../test/support/requirements.ts';
import { fileCommand } from './files.ts';

const withMount = itWithMount();

describe('a file that does not fit on the disk of a sandbox', () => {
  let root: string;
  let mounted = false;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'full-'));
  });
  afterAll(() => {
    if (mounted) execFileSync('umount', [root]);
    rmdirSync(root);
  });

  withMount('is said not to fit, although nothing is answered after that', () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'swe-agent-test', root]);
    mounted = true;
    const body = Buffer.alloc(100_000);
    const { command, parse } = fileCommand(root, '/nowhere', [
      { verb: 'put', fields: ['1', String(body.length), 'token'], body },
      { verb: 'install', fields: ['644', 'token', `${root}/file`] },
    ]);
    const output = execFileSync('sh', { input: command, encoding: 'utf8' });
    expect(parse(output)).toMatchObject({ word: 'full' });
  });
});
