/** What a remote has: the commit that a ref means, asked of the remote itself with the session's own credential. */

import { GitError } from './git.ts';
import { type Access, remoteFailure } from './git-failure.ts';
import { redactUrl, refNameProblem } from './repository-url.ts';
import { type GitRunner, servedBy } from './run-git.ts';

/** A commit of the remote and how to fetch it. */
export type Target = {
  commit: string;
  /** The branch that was meant, when one was. */
  branch: string;
  /** What is fetched: a full ref name, or the commit id itself. */
  source: string;
  /** The object that the ref names: the commit, or the annotated tag in front of it. */
  object: string;
};

export type RemoteRefs = {
  /** Object ids by full ref name; an annotated tag's commit under `<name>^{}`. */
  ids: ReadonlyMap<string, string>;
  /** The remote's default branch, when its HEAD names one. */
  defaultBranch: string | undefined;
};

/** Asks the remote for refs by exact full name; HEAD resolves the default branch. @throws GitError */
export async function listRefs(
  git: GitRunner,
  access: Access,
  names: readonly string[],
  options: { signal: AbortSignal; timeoutMs: number },
): Promise<RemoteRefs> {
  const { remote, credential } = access;
  const args = ['ls-remote', ...servedBy(remote, 'upload-pack'), '--symref', '--', remote.location, ...names];
  const result = await git.run({ args, remote, credential, maxBytes: 256 * 1024 * 1024, ...options });
  if (result.exitCode !== 0) throw remoteFailure('listing the refs', result, access);
  const ids = new Map<string, string>();
  let defaultBranch: string | undefined;
  for (const line of result.stdout.toString('utf8').split('\n')) {
    const [value = '', name = ''] = line.split('\t');
    if (name === 'HEAD' && value.startsWith('ref: refs/heads/')) defaultBranch = value.slice('ref: refs/heads/'.length);
    else if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(value)) ids.set(name, value);
  }
  return { ids, defaultBranch };
}

/**
 * The commit that `ref` (branch, tag, full commit id, full ref name; the default branch when left out) means now. A commit id
 * is taken on trust: only fetching it shows whether it exists.
 * @throws GitError RefNotFound naming a few branches that exist, RepositoryEmpty, or why the remote cannot be asked
 */
export async function resolveTarget(
  git: GitRunner,
  access: Access,
  ref: string | undefined,
  options: { signal: AbortSignal; timeoutMs: number },
): Promise<Target> {
  const problem = ref === undefined ? undefined : refNameProblem(ref);
  if (problem)
    throw new GitError(
      'RefNotFound',
      `repository.ref ${JSON.stringify(ref)} ${problem}: name a branch, a tag or a full commit id`,
    );
  const wanted = ref === undefined || ref === 'HEAD' ? ['HEAD'] : candidates(ref);
  const refs = await listRefs(git, access, ['HEAD', ...wanted.flatMap((name) => [name, `${name}^{}`])], options);
  if (ref !== undefined && isCommitId(ref)) {
    if (!refs.ids.has('HEAD')) await explainMissing(git, access, undefined, options);
    return { commit: ref, branch: '', source: ref, object: ref };
  }
  for (const name of wanted) {
    const object = refs.ids.get(name);
    if (object === undefined) continue;
    const branch =
      name === 'HEAD' ? (refs.defaultBranch ?? '') : name.startsWith('refs/heads/') ? name.slice('refs/heads/'.length) : '';
    return {
      commit: refs.ids.get(`${name}^{}`) ?? object,
      branch,
      source: branch === '' ? name : `refs/heads/${branch}`,
      object,
    };
  }
  return await explainMissing(git, access, ref, options);
}

export function isCommitId(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

/** The full names that a short one can have; a branch wins over a tag. */
function candidates(ref: string): string[] {
  if (isCommitId(ref)) return [];
  return ref.startsWith('refs/') ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
}

async function explainMissing(
  git: GitRunner,
  access: Access,
  ref: string | undefined,
  options: { signal: AbortSignal; timeoutMs: number },
): Promise<never> {
  const shown = redactUrl(access.remote.location);
  const { ids, defaultBranch } = await listRefs(git, access, ['HEAD', 'refs/heads/*'], options);
  const prefix = 'refs/heads/';
  const branches = [...ids.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  if (branches.length === 0) {
    throw new GitError('RepositoryEmpty', `${shown} has no branch with a commit: push a first commit to it`);
  }
  branches.sort((a, b) => Number(b === defaultBranch) - Number(a === defaultBranch) || (a < b ? -1 : 1));
  const few = branches.slice(0, 6).join(', ') + (branches.length > 6 ? ` and ${branches.length - 6} more` : '');
  if (ref === undefined) {
    throw new GitError(
      'RefNotFound',
      `${shown} has no default branch to start from: set repository.ref to one of its branches (${few})`,
    );
  }
  const hint = /^[0-9a-f]{4,39}$/.test(ref) ? '; a commit is named by its full 40-digit id' : '';
  throw new GitError('RefNotFound', `${shown} has no branch or tag "${ref}"${hint}. Its branches: ${few}`);
}
