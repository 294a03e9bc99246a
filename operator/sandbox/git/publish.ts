/**
 * Takes the result out of a sandbox's bundle and hands it over. The bundle is a stranger's: it is unpacked with git's checks
 * in a scratch repository without hooks, and nothing of it is ever checked out. Doing it again after a crash ends the same.
 */
import { join } from 'node:path';
import { createBareRepository, readShallow } from './bare-repository.ts';
import { readBundleHeader, withHead } from './bundle-header.ts';
import type { RepositoryCache } from './cache.ts';
import { mayReceive } from './credentials.ts';
import { type DiffStat, type GitCredential, GitError } from './git.ts';
import { type Access, localFailure, remoteFailure } from './git-failure.ts';
import { listRefs } from './remote-refs.ts';
import { redactUrl, refNameProblem } from './repository-url.ts';
import { type GitResult, servedBy } from './run-git.ts';
import { parseStat } from './shortstat.ts';
import { unsafePath } from './tree-path.ts';

export type PublishRequest = {
  /** The session's UID. */
  uid: string;
  url: string;
  credential: GitCredential | undefined;
  branch: string;
  /** The commit that was cloned. */
  base: string;
  /** The result; `base` is among its ancestors. */
  commit: string;
  /** What exportBundle made: the commits after the base. */
  bundle: Uint8Array;
  /** The branch that was cloned; empty when it was a tag or a commit. */
  baseBranch: string;
  /** Whether `branch` may be the one that was cloned or the remote's default. */
  allowBaseBranch: boolean;
  /** Whether to push at all. */
  push: boolean;
};

export type Published = {
  pushed: boolean;
  /** What happened, or why it was not pushed, in a sentence. */
  message: string;
  /** The commits as a mailbox for `git am`, binary files included. */
  patch: Uint8Array;
  /** The bundle that was given, which now says that its commit is HEAD. */
  bundle: Uint8Array;
  stat: DiffStat;
};

const LOCAL_MS = 300_000;
const LIST_MS = 60_000;
const PUSH_MS = 15 * 60_000;
const MOST_PATCH_BYTES = 512 * 1024 * 1024;

export class Publisher {
  readonly #cache: RepositoryCache;

  constructor(cache: RepositoryCache) {
    this.#cache = cache;
  }

  /**
   * Checks the bundle, makes the patch, and pushes the commit to the branch when that is wanted and allowed. Never by force.
   * @throws GitError BundleDamaged; InvalidBranch; PushRejected when the branch exists and is another's (the message names a
   * free one); transient ones when the remote cannot be reached
   */
  async publish(request: PublishRequest, signal: AbortSignal): Promise<Published> {
    const access = this.#cache.access(request.url, request.credential);
    checkBranch(request);
    return await this.#cache.withScratch(request.uid, signal, (scratch) =>
      this.#cache.withCommit(access, request.base, signal, async (cached) => {
        const work = new Scratch(this.#cache, join(scratch, 'repo.git'), request, access, signal);
        await work.create(cached);
        await work.unpack();
        const [stat, patch] = await Promise.all([work.check(), work.patch()]);
        return { ...(await work.push()), patch, bundle: withHead(request.bundle, request.commit), stat };
      }),
    );
  }
}

/** The repository that one bundle is unpacked in. */
class Scratch {
  readonly #cache: RepositoryCache;
  readonly #dir: string;
  readonly #request: PublishRequest;
  readonly #access: Access;
  readonly #signal: AbortSignal;

  constructor(cache: RepositoryCache, dir: string, request: PublishRequest, access: Access, signal: AbortSignal) {
    this.#cache = cache;
    this.#dir = dir;
    this.#request = request;
    this.#access = access;
    this.#signal = signal;
  }

  /** Borrows the objects of the cache, which has the base. */
  async create(cached: string): Promise<void> {
    const shallow = await readShallow(cached);
    const options = { like: this.#request.base, alternate: cached };
    await createBareRepository(this.#dir, shallow.length === 0 ? options : { ...options, shallow: `${shallow.join('\n')}\n` });
  }

  async unpack(): Promise<void> {
    const { base, commit, bundle } = this.#request;
    const header = readBundleHeader(bundle);
    if (header.prerequisites.some((id) => id !== base)) throw damaged('it builds on commits that were not cloned');
    if (![...header.refs.values()].includes(commit)) throw damaged(`it does not hold commit ${commit.slice(0, 12)}`);
    const result = await this.#git(['index-pack', '--stdin', '--strict', '--fix-thin'], {
      stdin: bundle.subarray(header.packOffset),
    });
    if (result.exitCode === 0) return;
    const failure = localFailure('unpacking the bundle', result);
    throw failure.reason === 'StorageFull' ? failure : damaged(failure.message);
  }

  /** That the commit descends from the base and changes only paths that a checkout anywhere would survive. */
  async check(): Promise<DiffStat> {
    const { base, commit } = this.#request;
    const descends = await this.#git(['merge-base', '--is-ancestor', base, commit]);
    if (descends.exitCode === 1) throw damaged('its commit does not descend from the one that was cloned');
    if (descends.exitCode !== 0) throw damaged(localFailure('reading its commit', descends).message);
    const names = await this.#must('reading the changes', ['diff-tree', '-r', '-z', '--name-only', '--no-renames', base, commit]);
    for (const path of names.toString('utf8').split('\0')) {
      if (path !== '' && unsafePath(path))
        throw damaged(`it has the path ${JSON.stringify(path)}, which no repository should have`);
    }
    const stat = await this.#must('counting the changes', ['diff-tree', '-r', '-M', '--shortstat', base, commit]);
    return parseStat(stat.toString('utf8'));
  }

  async patch(): Promise<Uint8Array> {
    const { base, commit } = this.#request;
    const options = ['--stdout', '--binary', '--full-index', '-M', '--no-signature', '--no-ext-diff', '--no-textconv'];
    return await this.#must('making the patch', ['format-patch', ...options, `${base}..${commit}`], MOST_PATCH_BYTES);
  }

  async push(): Promise<Pick<Published, 'pushed' | 'message'>> {
    const { branch, commit, allowBaseBranch, push } = this.#request;
    const { remote, credential } = this.#access;
    const obstacle = push ? obstacleTo(this.#access) : 'Pushing is switched off (publish.push).';
    if (obstacle !== undefined) return kept(obstacle);
    const shown = redactUrl(remote.location);
    const ref = `refs/heads/${branch}`;
    const options = { signal: this.#signal, timeoutMs: LIST_MS };
    try {
      const { ids, defaultBranch } = await listRefs(this.#cache.git, this.#access, ['HEAD', ref], options);
      if (ids.get(ref) === commit) return { pushed: true, message: `Branch ${branch} is at ${shown}.` };
      if (branch === defaultBranch && !allowBaseBranch) throw protectedBranch(branch);
      const existing = ids.get(ref);
      if (existing !== undefined && !(await this.#isAncestor(existing))) throw taken(branch, shown, this.#request.uid);
      // A depth-1 clone would otherwise send every file again when the remote has moved on since.
      const negotiate = remote.transport !== 'local' && ids.get('HEAD') !== this.#request.base;
      const result = await this.#cache.git.run({
        args: [
          ...(negotiate ? ['-c', 'push.negotiate=true'] : []),
          'push',
          ...servedBy(remote, 'receive-pack'),
          '--porcelain',
          '--no-verify',
          '--no-signed',
          '--no-follow-tags',
          '--recurse-submodules=no',
          '--',
          remote.location,
          `${commit}:${ref}`,
        ],
        gitDir: this.#dir,
        remote,
        credential,
        signal: this.#signal,
        timeoutMs: PUSH_MS,
      });
      if (result.exitCode === 0) return { pushed: true, message: `Branch ${branch} was pushed to ${shown}.` };
      return this.#rejected(result, shown);
    } catch (error) {
      const refused = error instanceof GitError && (error.reason === 'AuthenticationFailed' || error.reason === 'HostNotAllowed');
      if (!refused) throw error;
      return kept(`The branch was not pushed: ${error.message}.`);
    }
  }

  #rejected(result: GitResult, shown: string): Pick<Published, 'pushed' | 'message'> {
    const output = result.stdout.toString('utf8');
    const { branch, uid } = this.#request;
    if (/\[rejected\].*\((?:non-fast-forward|fetch first|needs force|stale info|already exists)\)/.test(output))
      throw taken(branch, shown, uid);
    const refused = /\[(?:remote )?rejected\] \((.*)\)/.exec(output)?.[1];
    const said = [...result.stderr.matchAll(/^remote: *(\S.*)$/gm)].map(([, line]) => line).slice(0, 5);
    if (refused !== undefined) {
      return kept(`${shown} did not accept the branch (${[refused, ...said].join('; ')}).`);
    }
    if (/insufficient permission|Permission denied|Read-only file system|unable to (?:create|write)/i.test(result.stderr)) {
      if (!/publickey/.test(result.stderr)) return kept(`${shown} is read-only for the operator.`);
    }
    throw remoteFailure('pushing', result, this.#access);
  }

  async #isAncestor(id: string): Promise<boolean> {
    const result = await this.#git(['merge-base', '--is-ancestor', id, this.#request.commit]);
    return result.exitCode === 0;
  }

  async #must(what: string, args: string[], maxBytes?: number): Promise<Buffer> {
    const result = await this.#git(args, maxBytes === undefined ? {} : { maxBytes });
    if (result.exitCode !== 0) throw localFailure(what, result);
    return result.stdout;
  }

  async #git(args: string[], more: { stdin?: Uint8Array; maxBytes?: number } = {}): Promise<GitResult> {
    return await this.#cache.git.run({ args, gitDir: this.#dir, signal: this.#signal, timeoutMs: LOCAL_MS, ...more });
  }
}

function checkBranch({ branch, baseBranch, allowBaseBranch }: PublishRequest): void {
  const problem =
    refNameProblem(branch) ?? (branch === 'HEAD' || branch.startsWith('refs/') ? 'is a name that git uses itself' : undefined);
  if (problem) throw new GitError('InvalidBranch', `publish.branch ${JSON.stringify(branch)} ${problem}`);
  if (branch === baseBranch && !allowBaseBranch) throw protectedBranch(branch);
}

function protectedBranch(branch: string): GitError {
  return new GitError(
    'InvalidBranch',
    `publish.branch "${branch}" is the branch that the work started from, which is pushed to only with publish.allowBaseBranch`,
  );
}

/** Why nothing can be pushed there, known without asking. */
function obstacleTo({ remote, credential }: Access): string | undefined {
  if (remote.transport !== 'https') return undefined;
  if (!credential) return `No credential was given for ${remote.host}.`;
  if (mayReceive(credential, remote)) return undefined;
  return `The token may be sent to ${credential.hosts.join(', ')} only, which ${remote.host} is not.`;
}

function kept(why: string): { pushed: false; message: string } {
  return { pushed: false, message: `${why} The branch is kept and can be downloaded as a bundle or a patch.` };
}

function taken(branch: string, shown: string, uid: string): GitError {
  const free = `${branch}-${uid.replace(/[^A-Za-z0-9]/g, '').slice(0, 8)}`;
  return new GitError(
    'PushRejected',
    `${shown} already has a branch "${branch}" with other commits, and nothing is ever overwritten: set publish.branch to another name, for example "${free}"`,
  );
}

function damaged(why: string): GitError {
  return new GitError('BundleDamaged', `the bundle from the sandbox cannot be used: ${why}`);
}
