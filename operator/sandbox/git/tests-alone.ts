/** A commit of the platform's own: the commit that was cloned, with nothing of a result but its tests. */
import { quoteAll } from '../quote.ts';
import type { Sandbox } from '../sandbox.ts';
import { GitError } from './git.ts';
import { parseFields, runScript } from './sandbox-git.ts';
import { CHANGED_FILES, COMMIT_FILES } from './worktree-script.ts';

export type TestsAlone = {
  /** Absent when no test file is added or changed. */
  commit?: string;
  tree?: string;
  /** Test files that are added or changed. */
  files: string[];
  /** How many other files are added, changed or deleted. */
  others: number;
};

/** Any date does, as long as it is always the same. */
const DATE = '1000000000 +0000';
/** More than this cannot be handed to a command. */
const MAX_FILES = 1_000;
const LIST_BYTES = 16 * 1024 * 1024;

/**
 * Makes that commit in the platform's repository; worktree and index stay as they are. Done again it makes the same
 * commit. Tests that the result deletes are deleted in it, too.
 * @throws GitError GitFailed when there are more test files than can be handled, StorageFull
 */
export async function commitTests(
  sandbox: Sandbox,
  request: { base: string; commit: string; isTest: (path: string) => boolean },
  signal: AbortSignal,
): Promise<TestsAlone> {
  const { base, commit, isTest } = request;
  const changed = await changedFiles(sandbox, base, commit, signal);
  const tests = changed.filter(({ path }) => isTest(path));
  const files = tests.filter(({ status }) => status !== 'D').map(({ path }) => path);
  const others = changed.length - tests.length;
  if (files.length === 0) return { files, others };
  if (tests.length > MAX_FILES) throw new GitError('GitFailed', `${tests.length} test files changed, more than ${MAX_FILES}`);
  const identity = { name: 'swe-agent', email: 'swe-agent@localhost' };
  const env = {
    SWE_BASE: base,
    SWE_COMMIT: commit,
    GIT_AUTHOR_NAME: identity.name,
    GIT_AUTHOR_EMAIL: identity.email,
    GIT_AUTHOR_DATE: DATE,
    GIT_COMMITTER_NAME: identity.name,
    GIT_COMMITTER_EMAIL: identity.email,
    GIT_COMMITTER_DATE: DATE,
  };
  const script = `set -- ${quoteAll(tests.map(({ path }) => path))}\n${COMMIT_FILES}`;
  const fields = parseFields(await runScript(sandbox, 'putting the tests alone', script, env, signal));
  return { commit: fields.get('commit') ?? '', tree: fields.get('tree') ?? '', files, others };
}

async function changedFiles(
  sandbox: Sandbox,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<{ status: string; path: string }[]> {
  const env = { SWE_FROM: from, SWE_TO: to };
  const output = await runScript(sandbox, 'comparing commits', CHANGED_FILES, env, signal, LIST_BYTES).catch((cause: unknown) => {
    throw cause instanceof RangeError ? new GitError('GitFailed', 'too many files changed to list them', { cause }) : cause;
  });
  const fields = output.split('\0');
  const changed: { status: string; path: string }[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) changed.push({ status: fields[at] ?? '', path: fields[at + 1] ?? '' });
  return changed;
}
