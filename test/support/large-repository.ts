/** A bare repository with a history that is far larger than its last commit, made within seconds. */
import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { git, gitEnvironment } from './git-repository.ts';

const MEGABYTE = 1_000_000;
const BLOB = Buffer.alloc(MEGABYTE);

/**
 * One commit per megabyte of random bytes, each in the place of the last, and a last one with a README alone. Nothing of it can
 * be compressed, and no time is lost trying. Branch: main.
 */
export async function makeLargeHistory(dir: string, megabytes: number): Promise<void> {
  await git('/', 'init', '-q', '--bare', '--template=', '--initial-branch=main', dir);
  for (const [name, value] of Object.entries({ 'core.compression': '0', 'core.bigFileThreshold': '100k' }))
    await git(dir, 'config', name, value);
  const importer = spawn('git', ['-C', dir, 'fast-import', '--quiet', '--date-format=raw'], { env: gitEnvironment() });
  const said = text(importer.stderr);
  const ended = once(importer, 'close');
  const write = async (data: string | Buffer) => {
    if (!importer.stdin.write(data)) await once(importer.stdin, 'drain');
  };
  const commit = async (index: number, message: string) =>
    await write(
      `commit refs/heads/main\ncommitter Ada Fixture <ada@example.com> ${1_700_000_000 + index} +0000\n${data(message)}`,
    );
  for (let index = 0; index < megabytes; index++) {
    await commit(index, `Megabyte ${index + 1}`);
    await write(`M 100644 inline noise.bin\ndata ${MEGABYTE}\n`);
    await write(Buffer.from(randomFillSync(BLOB)));
    await write('\n');
  }
  await commit(megabytes, 'Leave the README alone');
  await write(`D noise.bin\nM 100644 inline README.md\n${data('Greets.\n')}`);
  importer.stdin.end();
  const [code] = await ended;
  if (code !== 0) throw new Error(`git fast-import: ${await said}`);
}

function data(content: string): string {
  return `data ${Buffer.byteLength(content)}\n${content}\n`;
}
