/** What was done comes out of the sandbox, as a bundle. */
import { posix } from 'node:path';
import type { Sandbox } from '../sandbox.ts';
import { GitError } from './git.ts';
import { parseFields, runScript } from './sandbox-git.ts';
import { EXPORT, STORE } from './worktree-script.ts';

const DEFAULT_EXPORT_BYTES = 256 * 1024 * 1024;

/**
 * A bundle of what the commit has and the base has not, under refs/heads/<branch> when a branch is given.
 * @throws GitError GitFailed when it is larger than maxBytes (default 256 MiB), StorageFull
 */
export async function exportBundle(
  sandbox: Sandbox,
  request: { base: string; commit: string; branch?: string; maxBytes?: number },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const path = `${STORE}/outgoing.bundle`;
  const env = {
    SWE_BASE: request.base,
    SWE_COMMIT: request.commit,
    SWE_REF: request.branch === undefined ? 'refs/swe-agent/exported' : `refs/heads/${request.branch}`,
    SWE_BUNDLE: posix.join(sandbox.root, path),
  };
  const output = await runScript(sandbox, 'bundling the changes', EXPORT, env, signal);
  const bytes = Number(parseFields(output).get('bytes'));
  const maxBytes = request.maxBytes ?? DEFAULT_EXPORT_BYTES;
  if (!(bytes <= maxBytes)) {
    const message = `the changes are ${megabytes(bytes)} MB large, more than the ${megabytes(maxBytes)} MB that can be taken out of a sandbox: large files that do not belong to the result should be in .gitignore`;
    throw new GitError('GitFailed', message);
  }
  const bundle = await sandbox.download(path, { maxBytes, signal });
  if (!bundle) throw new GitError('GitFailed', 'the bundle of the changes vanished from the sandbox');
  return bundle;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
