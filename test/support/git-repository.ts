/** Makes git repositories for tests with one or two processes each, whatever is in them. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

/** Text or bytes of a file, or something that is not a plain file. null deletes the path. */
export type FixtureFile = string | Uint8Array | { symlink: string } | { submodule: string } | { executable: string } | null;

export type FixtureCommit = { message?: string; branch?: string; files: Record<string, FixtureFile>; tag?: string };

const IDENTITY = 'Ada Fixture <ada@example.com>';
const START = 1_700_000_000;

/** git of the test itself: no configuration of the machine, a fixed identity. */
export async function git(cwd: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('git', ['-c', 'safe.directory=*', ...args], {
    cwd,
    env: gitEnvironment(),
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.trim();
}

export function gitEnvironment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Ada Fixture',
    GIT_AUTHOR_EMAIL: 'ada@example.com',
    GIT_COMMITTER_NAME: 'Ada Fixture',
    GIT_COMMITTER_EMAIL: 'ada@example.com',
    LC_ALL: 'C',
  };
}

/**
 * Makes a repository (with its files checked out unless bare) of commits in a row; a commit with a branch of its own starts
 * from the commit before. Default branch: main.
 */
export async function makeRepository(
  dir: string,
  commits: readonly FixtureCommit[],
  options: { bare?: boolean; branch?: string } = {},
): Promise<void> {
  const branch = options.branch ?? 'main';
  await git('/', 'init', '-q', '--template=', `--initial-branch=${branch}`, ...(options.bare ? ['--bare'] : []), dir);
  await addCommits(dir, commits, branch);
  if (!options.bare && commits.length > 0) await git(dir, 'reset', '-q', '--hard');
}

/** Adds commits in a row to a branch, on top of `from`. */
export async function addCommits(dir: string, commits: readonly FixtureCommit[], branch = 'main', from?: string): Promise<void> {
  const importer = spawn('git', ['-C', dir, 'fast-import', '--quiet', '--date-format=raw'], { env: gitEnvironment() });
  const said = text(importer.stderr);
  // Without ^0 a branch cannot be its own parent.
  let previous = from === undefined ? undefined : `${from}^0`;
  for (const [index, commit] of commits.entries()) {
    const ref = `refs/heads/${commit.branch ?? branch}`;
    importer.stdin.write(`commit ${ref}\nmark :${index + 1}\ncommitter ${IDENTITY} ${START + index} +0000\n`);
    writeData(importer.stdin, commit.message ?? `Commit ${index + 1}`);
    if (previous !== undefined) importer.stdin.write(`from ${previous}\n`);
    for (const [path, file] of Object.entries(commit.files)) writeFile(importer.stdin, path, file);
    importer.stdin.write('\n');
    if (commit.tag !== undefined) {
      importer.stdin.write(`tag ${commit.tag}\nfrom :${index + 1}\ntagger ${IDENTITY} ${START + index} +0000\n`);
      writeData(importer.stdin, `Tag ${commit.tag}`);
    }
    previous = `:${index + 1}`;
  }
  importer.stdin.end();
  const [code] = await once(importer, 'close');
  if (code !== 0) throw new Error(`git fast-import: ${await said}`);
}

function writeFile(stream: NodeJS.WritableStream, path: string, file: FixtureFile): void {
  const name = `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
  if (file === null) stream.write(`D ${name}\n`);
  else if (typeof file === 'string' || file instanceof Uint8Array) writeInline(stream, '100644', name, file);
  else if ('symlink' in file) writeInline(stream, '120000', name, file.symlink);
  else if ('executable' in file) writeInline(stream, '100755', name, file.executable);
  else stream.write(`M 160000 ${file.submodule} ${name}\n`);
}

function writeInline(stream: NodeJS.WritableStream, mode: string, name: string, content: string | Uint8Array): void {
  stream.write(`M ${mode} inline ${name}\n`);
  writeData(stream, content);
}

function writeData(stream: NodeJS.WritableStream, content: string | Uint8Array): void {
  const bytes = Buffer.from(content);
  stream.write(`data ${bytes.length}\n`);
  stream.write(bytes);
  stream.write('\n');
}
