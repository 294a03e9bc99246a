/**
 * One bare repository of the cache: a URL's history to one depth, with the bundle of the commit that was asked for last.
 * Used by one caller at a time. Whatever a crash left in it, the next use mends it or begins anew.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  clearLeftovers,
  countPacks,
  createBareRepository,
  HEAD_REF,
  isBareRepository,
  readHead,
  readShallow,
} from './bare-repository.ts';
import { GitError } from './git.ts';
import { type Access, fileFailure, localFailure, remoteFailure } from './git-failure.ts';
import { isCommitId, type Target } from './remote-refs.ts';
import { redactUrl } from './repository-url.ts';
import { type GitResult, type GitRunner, servedBy } from './run-git.ts';
import { endOrphan, forgetProcess, rememberProcess } from './running-process.ts';

/** A commit in a bundle file of the cache. */
export type Packed = { commit: string; shallow: string[]; notes: string[]; bundlePath: string };

export type FetchOptions = { signal: AbortSignal; timeoutMs: number; onProgress?: ((line: string) => void) | undefined };

/** The remote gives commits only by the name of a branch or tag. */
export class CommitNotServedError extends Error {
  override readonly name = 'CommitNotServedError';
}

const FORMAT = 1;
const EVERYTHING = ['+refs/heads/*:refs/swe-agent/heads/*', '+refs/tags/*:refs/swe-agent/tags/*'];
/** Every fetch adds a pack; with many of them git slows down, and beginning anew is cheaper than repacking. */
const MOST_PACKS = 100;

export class CachedClone {
  readonly gitDir: string;
  readonly #git: GitRunner;
  readonly #dir: string;
  readonly #depth: number;

  /** `depth` in commits; 0 for all of them. */
  constructor(git: GitRunner, dir: string, depth: number) {
    this.#git = git;
    this.#dir = dir;
    this.#depth = depth;
    this.gitDir = join(dir, 'repo.git');
  }

  /**
   * The target's commit as a bundle, fetched unless it was the last one. `disposable`: whether nobody else reads this clone,
   * so that it may be thrown away and made anew.
   * @throws GitError, CommitNotServedError (never at depth 0), the signal's reason
   */
  async pack(target: Target, access: Access, disposable: boolean, options: FetchOptions): Promise<Packed> {
    const last = await this.#last();
    if (last?.commit === target.commit) return last;
    const existed = await isBareRepository(this.gitDir);
    if (existed && disposable && (await countPacks(this.gitDir)) > MOST_PACKS) await this.#discard();
    try {
      return await this.#renew(target, access, options);
    } catch (error) {
      const damaged = error instanceof GitError && error.reason === 'GitFailed' && !error.transient;
      if (!damaged || !existed || !disposable) throw error;
      await this.#discard();
      return await this.#renew(target, access, options);
    }
  }

  /** Whether the commit and all its files are here. */
  async has(commit: string, signal: AbortSignal): Promise<boolean> {
    if (!(await isBareRepository(this.gitDir))) return false;
    const result = await this.#run(['rev-parse', '--verify', '--quiet', `${commit}^{tree}`], signal);
    return result.exitCode === 0;
  }

  async #renew(target: Target, access: Access, options: FetchOptions): Promise<Packed> {
    await this.#prepare(target.object);
    const commit = await this.#transfer(target, access, options);
    if (target.source.startsWith('refs/tags/') || target.branch === '') await this.#requireCommit(commit, target, options.signal);
    return await this.#bundle(commit, options.signal);
  }

  async #prepare(like: string): Promise<void> {
    try {
      if (await isBareRepository(this.gitDir)) {
        if (await endOrphan(this.#dir)) await clearLeftovers(this.gitDir);
      } else {
        await mkdir(this.#dir, { recursive: true });
        await createBareRepository(this.gitDir, { like });
      }
    } catch (error) {
      throw fileFailure('preparing the repository cache', error);
    }
  }

  /** Fetches and returns the commit: a branch may have moved since it was looked up. */
  async #transfer(target: Target, access: Access, options: FetchOptions): Promise<string> {
    const byId = isCommitId(target.source);
    // The remote has let this session read the repository, so that it may have what was fetched of it before.
    if (byId && (await this.has(target.commit, options.signal))) {
      await this.#run(['update-ref', HEAD_REF, target.commit], options.signal);
      return target.commit;
    }
    let result = await this.#fetch(['--', access.remote.location, `+${target.source}:${HEAD_REF}`], access, options);
    if (byId && refusedById(result)) {
      if (this.#depth !== 0) throw new CommitNotServedError();
      result = await this.#fetch(['--prune', '--', access.remote.location, ...EVERYTHING], access, options);
      if (result.exitCode === 0) result = await this.#run(['update-ref', HEAD_REF, target.commit], options.signal);
      if (/nonexistent object|not a valid SHA1/i.test(result.stderr)) throw noSuchCommit(target, access);
    }
    if (byId && /not our ref/.test(result.stderr)) throw noSuchCommit(target, access);
    if (result.exitCode !== 0) throw remoteFailure('fetching', result, access);
    const head = await readHead(this.gitDir);
    if (head === undefined) throw new GitError('GitFailed', `fetching ${redactUrl(access.remote.location)} brought no commit`);
    // A tag that moved meanwhile would need its commit looked up again.
    if (head === target.object) return target.commit;
    if (target.branch !== '') return head;
    throw new GitError('Unreachable', `${target.source} of ${redactUrl(access.remote.location)} moved while it was fetched`, {
      transient: true,
    });
  }

  async #fetch(what: string[], access: Access, options: FetchOptions): Promise<GitResult> {
    const { remote, credential } = access;
    const args = [
      'fetch',
      ...servedBy(remote, 'upload-pack'),
      ...(options.onProgress ? ['--progress'] : ['--quiet']),
      ...(this.#depth === 0 ? [] : [`--depth=${this.#depth}`]),
      '--no-tags',
      '--no-write-fetch-head',
      '--no-recurse-submodules',
      '--update-shallow',
      ...what,
    ];
    let clean = false;
    try {
      const onStart = (pid: number) => rememberProcess(this.#dir, pid);
      const result = await this.#git.run({ args, gitDir: this.gitDir, remote, credential, onStart, ...options });
      clean = result.exitCode === 0;
      return result;
    } finally {
      await forgetProcess(this.#dir);
      if (!clean) await clearLeftovers(this.gitDir);
    }
  }

  async #requireCommit(id: string, target: Target, signal: AbortSignal): Promise<void> {
    const { stdout } = await this.#run(['cat-file', '-t', id], signal);
    const type = stdout.toString().trim();
    if (type !== 'commit')
      throw new GitError('RefNotFound', `repository.ref "${target.source}" names a ${type || 'missing object'}, not a commit`);
  }

  async #bundle(commit: string, signal: AbortSignal): Promise<Packed> {
    const bundlePath = join(this.#dir, 'last.bundle');
    const unfinished = `${bundlePath}.new`;
    await rm(join(this.#dir, 'last.json'), { force: true });
    const [created, notes, shallow] = await Promise.all([
      this.#run(['bundle', 'create', '-q', unfinished, HEAD_REF], signal),
      this.#notes(commit, signal),
      this.#shallow(commit, signal),
    ]);
    if (created.exitCode !== 0) throw localFailure('bundling the repository', created);
    const last = { format: FORMAT, commit, shallow, notes };
    try {
      await rename(unfinished, bundlePath);
      await writeFile(join(this.#dir, 'last.json.new'), JSON.stringify(last));
      await rename(join(this.#dir, 'last.json.new'), join(this.#dir, 'last.json'));
    } catch (error) {
      throw fileFailure('storing the bundle of the repository', error);
    }
    return { commit, shallow, notes, bundlePath };
  }

  /** What the commit refers to and does not contain. */
  async #notes(commit: string, signal: AbortSignal): Promise<string[]> {
    const patterns = ['-e', '^[[]submodule', '-e', 'filter=lfs'];
    const paths = ['.gitmodules', ':(glob)**/.gitattributes'];
    const result = await this.#run(['grep', '-l', ...patterns, commit, '--', ...paths], signal);
    if (result.exitCode > 1) throw localFailure('looking for submodules', result);
    const files = result.stdout.toString('utf8').split('\n');
    const notes: string[] = [];
    if (files.includes(`${commit}:.gitmodules`)) {
      notes.push('The repository has submodules (.gitmodules). They were not fetched: their folders are empty.');
    }
    if (files.some((file) => file.endsWith('.gitattributes'))) {
      notes.push('Some files are kept in Git LFS (.gitattributes). Their contents were not fetched: the files hold pointers.');
    }
    return notes;
  }

  /** Of all commits that this clone cut off, those that the commit can reach. */
  async #shallow(commit: string, signal: AbortSignal): Promise<string[]> {
    const all = await readShallow(this.gitDir);
    if (all.length === 0) return [];
    if (all.includes(commit)) return [commit];
    const result = await this.#run(['rev-list', commit], signal, 1024 * 1024 * 1024);
    if (result.exitCode !== 0) throw localFailure('reading the history', result);
    const reachable = new Set(result.stdout.toString('latin1').split('\n'));
    return all.filter((id) => reachable.has(id));
  }

  async #run(args: string[], signal: AbortSignal, maxBytes?: number): Promise<GitResult> {
    return await this.#git.run({
      args,
      gitDir: this.gitDir,
      signal,
      timeoutMs: 300_000,
      ...(maxBytes === undefined ? {} : { maxBytes }),
    });
  }

  /** The last bundle, when it was finished. */
  async #last(): Promise<Packed | undefined> {
    const text = await readFile(join(this.#dir, 'last.json'), 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    const last = parseLast(text);
    return last && { ...last, bundlePath: join(this.#dir, 'last.bundle') };
  }

  async #discard(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }
}

function parseLast(text: string): Omit<Packed, 'bundlePath'> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('format' in value && 'commit' in value && 'shallow' in value && 'notes' in value) || value.format !== FORMAT)
    return undefined;
  const { commit, shallow, notes } = value;
  return typeof commit === 'string' && isStrings(shallow) && isStrings(notes) ? { commit, shallow, notes } : undefined;
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** "not our ref" of a server that was asked in protocol version 2 means that it does not have the commit at all. */
function refusedById(result: GitResult): boolean {
  return result.exitCode !== 0 && /unadvertised object|does not allow request|want [0-9a-f]+ not valid/i.test(result.stderr);
}

function noSuchCommit(target: Target, access: Access): GitError {
  return new GitError('RefNotFound', `${redactUrl(access.remote.location)} has no commit ${target.commit}`);
}
