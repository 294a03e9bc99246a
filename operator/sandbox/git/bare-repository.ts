/** Bare repositories on the operator's side, made and mended without starting git. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../error-code.ts';

/** The one ref of a bare repository of ours. */
export const HEAD_REF = 'refs/swe-agent/head';

/** Makes an empty bare repository; one that is there is kept. `like` is an object id of the format wanted. */
export async function createBareRepository(
  dir: string,
  options: { like: string; alternate?: string; shallow?: string },
): Promise<void> {
  await mkdir(join(dir, 'objects', 'info'), { recursive: true });
  await mkdir(join(dir, 'objects', 'pack'), { recursive: true });
  await mkdir(join(dir, 'refs'), { recursive: true });
  const sha256 = options.like.length === 64;
  const config = sha256
    ? '[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = sha256\n'
    : '[core]\n\trepositoryformatversion = 0\n\tbare = true\n';
  await writeFile(join(dir, 'config'), config);
  if (options.alternate !== undefined) {
    await writeFile(join(dir, 'objects', 'info', 'alternates'), `${join(options.alternate, 'objects')}\n`);
  }
  if (options.shallow) await writeFile(join(dir, 'shallow'), options.shallow);
  // Last: without it git sees no repository here.
  await writeFile(join(dir, 'HEAD'), 'ref: refs/heads/none\n');
}

export async function isBareRepository(dir: string): Promise<boolean> {
  return (await readText(join(dir, 'HEAD'))) !== undefined;
}

/** The id of HEAD_REF, which git writes as a loose file here because nothing ever packs refs. */
export async function readHead(dir: string): Promise<string | undefined> {
  return (await readText(join(dir, HEAD_REF)))?.trim();
}

/** The commits whose parents are cut off. */
export async function readShallow(dir: string): Promise<string[]> {
  return ((await readText(join(dir, 'shallow'))) ?? '').split('\n').filter((line) => line !== '');
}

export async function countPacks(dir: string): Promise<number> {
  const files = await readdir(join(dir, 'objects', 'pack'));
  return files.filter((file) => file.endsWith('.pack')).length;
}

/** Removes locks and half-written packs of a git process that was killed. Only while no git works here. */
export async function clearLeftovers(dir: string): Promise<void> {
  const files = await readdir(dir, { recursive: true });
  const left = files.filter((file) => file.endsWith('.lock') || /(?:^|\/)tmp_[^/]*$/.test(file));
  for (const file of left) await rm(join(dir, file), { recursive: true, force: true });
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
