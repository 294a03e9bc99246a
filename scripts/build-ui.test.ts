import { execFile, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..');

describe('scripts/build-ui', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'build-ui-'));
    for (const file of [
      'scripts/build-ui',
      'scripts/build-ui.ts',
      'scripts/node',
      'ui/vite.config.ts',
      'ui/build',
      'package.json',
    ]) {
      cpSync(join(ROOT, file), join(root, file), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    mkdirSync(join(root, 'ui/src'));
    put('package-lock.json', '{}');
    put(
      'ui/index.html',
      '<!doctype html><html><head></head><body><script type="module" src="/src/main.ts"></script></body></html>',
    );
    put('ui/src/main.ts', "import { shared } from '../../shared.ts';\ndocument.title = shared;\n");
    put('ui/src/main.test.ts', '');
    put('shared.ts', `export const shared = ${JSON.stringify('first '.repeat(100))};\n`);
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const put = (path: string, text: string) => writeFileSync(join(root, path), text);
  const run = () => spawnSync('sh', ['scripts/build-ui'], { cwd: root, encoding: 'utf8' });
  const dist = (path = '') => join(root, 'ui/dist', path);
  /** Tells one build from another. */
  const build = () => statSync(dist()).ino;
  const script = () => readdirSync(dist('assets')).find((name) => /^index-.*\.js$/.test(name)) ?? '';

  it('builds a page with compressed copies, and again only when something that it is made of changed', () => {
    expect(run()).toMatchObject({ status: 0, stderr: expect.stringContaining('Building the page') });
    const code = readFileSync(dist(`assets/${script()}`));
    expect(code.toString()).toContain('first first');
    expect(gunzipSync(readFileSync(dist(`assets/${script()}.gz`)))).toEqual(code);
    expect(brotliDecompressSync(readFileSync(dist(`assets/${script()}.br`)))).toEqual(code);

    const first = build();
    put('ui/src/main.test.ts', '// no part of the page');
    expect(run()).toMatchObject({ status: 0, stderr: '', stdout: '' });
    expect(build()).toBe(first);

    put('shared.ts', "export const shared = 'second';\n");
    expect(run().status).toBe(0);
    expect(readFileSync(dist(`assets/${script()}`), 'utf8')).toContain('second');

    put('ui/src/main.ts', "document.title = 'third';\n");
    expect(run().status).toBe(0);
    expect(readFileSync(dist(`assets/${script()}`), 'utf8')).toContain('third');
  });

  it('leaves one whole page when it runs twice at once, and nothing of a build that was killed', async () => {
    mkdirSync(join(root, 'ui/.dist-999999999'));
    const exec = promisify(execFile);
    await Promise.all([1, 2].map(() => exec('sh', ['scripts/build-ui'], { cwd: root })));
    expect(readFileSync(dist('index.html'), 'utf8')).toContain(script());
    expect(readdirSync(join(root, 'ui')).filter((name) => name.startsWith('.dist'))).toEqual([]);
    expect(run().stderr).toBe('');
  });

  it('keeps the page that is there when the new one cannot be built, and says why', () => {
    expect(run().status).toBe(0);
    put('ui/src/main.ts', "import './missing.ts';\n");
    const failed = run();
    expect(failed.status).not.toBe(0);
    expect(failed.stderr + failed.stdout).toContain('missing.ts');
    expect(existsSync(dist('index.html'))).toBe(true);
    expect(readdirSync(join(root, 'ui')).filter((name) => name.startsWith('.dist'))).toEqual([]);
  });

  it('uses the page that is there where it cannot build, and says what to do where there is none', () => {
    rmSync(join(root, 'node_modules'));
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringContaining('make install') });
    mkdirSync(dist(), { recursive: true });
    put('ui/dist/index.html', '');
    expect(run()).toMatchObject({ status: 0, stderr: '' });
  });
});
