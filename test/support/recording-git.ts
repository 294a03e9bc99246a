import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * A PATH whose git writes down its arguments and environment before it does its work. `calls` gives the argument lines since
 * the last time; `everything` all that was written, environments included.
 */
export async function recordingGit(
  folder: string,
): Promise<{ path: string; calls(): Promise<string[]>; everything(): Promise<string> }> {
  const bin = join(folder, 'recording-bin');
  const [calls, environments] = [join(bin, 'calls'), join(bin, 'environments')];
  const { stdout } = await promisify(execFile)('sh', ['-c', 'command -v git']);
  await mkdir(bin);
  // Each line in one write: several may run at once.
  const script = `#!/bin/sh\nline=$(printf '%s' "$*" | tr '\\n' ' ')\nprintf '%s\\n' "$line" >>'${calls}'\nenv >>'${environments}'\nexec '${stdout.trim()}' "$@"\n`;
  await writeFile(join(bin, 'git'), script, { mode: 0o755 });
  return {
    path: `${bin}:${process.env.PATH}`,
    async calls() {
      const lines = (await readFile(calls, 'utf8')).trim().split('\n');
      await rename(calls, `${calls}-${Date.now()}`);
      return lines;
    },
    async everything() {
      const files = await readdir(bin);
      return (await Promise.all(files.filter((file) => file !== 'git').map((file) => readFile(join(bin, file), 'utf8')))).join(
        '\n',
      );
    },
  };
}
