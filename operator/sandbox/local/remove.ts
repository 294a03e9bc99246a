/** Removing a tree that commands made: also directories without write permission (a Go module cache), also very deep or wide ones. */
import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../error-code.ts';

const REFUSED = ['EACCES', 'EPERM', 'ENOTEMPTY'];
const ATTEMPTS = 5;

/** Removes the tree; one that is not there is fine. Follows no symbolic link. No process may be working in it. */
export async function removeTree(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await rm(path, { recursive: true, force: true });
    } catch (error) {
      if (attempt === ATTEMPTS || !REFUSED.includes(errorCode(error) ?? '')) throw error;
      await makeWritable(path);
    }
  }
}

/** After its first error rm goes on in the background for a while: what is gone meanwhile is fine. */
async function makeWritable(root: string): Promise<void> {
  const waiting = [root];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    try {
      await chmod(path, 0o700);
      for (const entry of await readdir(path, { withFileTypes: true })) {
        if (entry.isDirectory()) waiting.push(join(path, entry.name));
      }
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
}
