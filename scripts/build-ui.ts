/**
 * Builds the page, with a compressed copy beside each file, in a folder of its own that then takes the place of ui/dist:
 * whoever reads it meanwhile sees one whole page, and two builds at once end in one of both. Called by scripts/build-ui.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';

const root = join(import.meta.dirname, '..');
const ui = join(root, 'ui');
const dist = join(ui, 'dist');
/** Files that are made of text; fonts and pictures are compressed as they are. */
const TEXT = /\.(?:html|js|css|svg|json|txt)$/;

function sum(of: string): string {
  return execFileSync('sh', ['scripts/build-ui', '--sum', of], { cwd: root, encoding: 'utf8' }).trim();
}

function compress(folder: string): void {
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => TEXT.test(name))) {
    const content = readFileSync(join(folder, file));
    const smaller: [string, Buffer][] = [
      ['gz', gzipSync(content, { level: 9 })],
      ['br', brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } })],
    ];
    for (const [ending, bytes] of smaller) {
      if (bytes.length < content.length) writeFileSync(join(folder, `${file}.${ending}`), bytes);
    }
  }
}

/** Puts `made` in the place of ui/dist. A folder cannot replace one that is not empty, so the old one steps aside first. */
function replace(made: string, aside: string): void {
  for (let attempt = 1; ; attempt++) {
    rename(dist, aside, ['ENOENT']);
    if (rename(made, dist, ['ENOTEMPTY', 'EEXIST'])) break;
    rmSync(aside, { recursive: true, force: true });
    if (attempt === 20) throw new Error(`${dist} could not be replaced; is something else writing to it?`);
  }
  rmSync(aside, { recursive: true, force: true });
}

function rename(from: string, to: string, unless: string[]): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && unless.some((code) => code === error.code)) return false;
    throw error;
  }
}

/** Folders of builds that were killed. */
function sweep(): void {
  for (const name of readdirSync(ui)) {
    const pid = /^\.dist-(\d+)/.exec(name)?.[1];
    if (pid !== undefined && !alive(Number(pid))) rmSync(join(ui, name), { recursive: true, force: true });
  }
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

sweep();
const made = join(ui, `.dist-${process.pid}`);
try {
  // Of the sources alone: what is built may be replaced meanwhile by another build.
  const before = sum(ui);
  mkdirSync(made);
  await build({ configFile: join(ui, 'vite.config.ts'), logLevel: 'warn', build: { outDir: made, emptyOutDir: true } });
  compress(made);
  // Without a stamp the next call builds again, so a change that came meanwhile is not missed.
  if (sum(ui) === before) writeFileSync(join(made, '.stamp'), `${sum(made)}\n`);
  replace(made, `${made}-old`);
} finally {
  rmSync(made, { recursive: true, force: true });
}
