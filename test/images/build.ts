/**
 * Builds the project's images from the commit that is checked out, as a clone has it: what git does not have, no build sees.
 * Docker's layer cache makes a second build short; what it replaced is removed.
 */

import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { BUILD_MS, docker } from './engine.ts';

const root = join(import.meta.dirname, '../..');
const LABEL = 'dev.sweagent.test-image';
const run = promisify(execFile);

/** Runs `docker build` with the arguments in a clean copy of the repository, and returns the name of the image. */
export async function build(name: string, args: readonly string[]): Promise<string> {
  const began = Date.now();
  await using folder = await temporaryFolder();
  const archive = join(folder.path, 'repository.tar');
  const clean = join(folder.path, 'repository');
  await mkdir(clean);
  await run('git', ['-C', root, '-c', 'safe.directory=*', 'archive', '--output', archive, 'HEAD']);
  await run('tar', ['-xf', archive, '-C', clean]);
  const tag = `swe-agent-test/${name}`;
  const once = () =>
    docker(['build', '--force-rm', '--tag', tag, '--label', LABEL, ...args], { cwd: clean, timeoutMs: BUILD_MS });
  // Packages come over a network; what was made before a fault is in the cache.
  await once().catch((error: unknown) => {
    console.warn(`building ${tag} once more: ${Error.isError(error) ? error.cause : error}`);
    return once();
  });
  await docker(['image', 'prune', '--force', '--filter', `label=${LABEL}`]);
  const size = Number(await docker(['image', 'inspect', tag, '--format', '{{.Size}}']));
  console.info(`${tag}: ${Math.round(size / 1e6)} MB, built in ${Math.round((Date.now() - began) / 1000)} s`);
  return tag;
}

/** In bytes. */
export async function sizeOf(image: string): Promise<number> {
  return Number(await docker(['image', 'inspect', image, '--format', '{{.Size}}']));
}
