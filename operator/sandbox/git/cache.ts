/**
 * The operator's copies of repositories, shared by all sessions. A session asks the remote with its own credential each time,
 * so that a copy made for one is never given to another that may not read the repository.
 */
import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyedLock } from '../../keyed-lock.ts';
import { CachedClone, CommitNotServedError, type FetchOptions, type Packed } from './cached-clone.ts';
import { type GitCredential, GitError, type RepositorySource, type Snapshot } from './git.ts';
import { type Access, fileFailure } from './git-failure.ts';
import { resolveTarget, type Target } from './remote-refs.ts';
import { parseRepositoryUrl, redactUrl } from './repository-url.ts';
import { type GitEnvironment, GitRunner } from './run-git.ts';

export type CacheOptions = {
  /** Folder of the cache. One process at a time uses it. */
  dir: string;
  /** Whether file URLs and paths are taken. */
  allowLocal: boolean;
  /** What a relative path is relative to; the process's directory when left out. */
  cwd?: string;
  environment?: GitEnvironment;
  /** Repositories are removed, the longest unused first, while the cache is larger; default 5 GiB. */
  maxBytes?: number;
  /** Most time for one fetch; default 15 minutes. */
  timeoutMs?: number;
};

/** Measuring the cache means looking at every file. */
const EVICTION_MS = 60_000;

export class RepositoryCache {
  readonly git: GitRunner;
  readonly #options: Required<Pick<CacheOptions, 'dir' | 'maxBytes' | 'timeoutMs'>> & CacheOptions;
  readonly #locks = new KeyedLock();
  /** How many calls use a repository's folder. */
  readonly #uses = new Map<string, number>();
  /** Snapshot files handed out, and scratch folders lent, by this process. */
  readonly #lent = new Set<string>();

  #lastEviction = Number.NEGATIVE_INFINITY;

  constructor(options: CacheOptions) {
    this.#options = { maxBytes: 5 * 1024 ** 3, timeoutMs: 15 * 60_000, ...options };
    this.git = new GitRunner({
      home: join(options.dir, 'no-home'),
      ...(options.environment === undefined ? {} : { environment: options.environment }),
    });
  }

  /** The remote that a URL names, with the credential to use. @throws GitError InvalidURL | TransportNotAllowed */
  access(url: string, credential: GitCredential | undefined): Access {
    return { remote: parseRepositoryUrl(url, this.#options), credential };
  }

  /**
   * Fetches the commit that the source means now. The credential is sent to its own hosts only.
   * @throws GitError, or the signal's reason when aborted
   */
  async fetch(
    source: RepositorySource,
    credential: GitCredential | undefined,
    signal: AbortSignal,
    onProgress?: (line: string) => void,
  ): Promise<Snapshot> {
    const access = this.access(source.url, credential);
    if (access.remote.transport === 'local') await requireFolder(access.remote.location);
    const target = await resolveTarget(this.git, access, source.ref, {
      signal,
      timeoutMs: Math.min(60_000, this.#options.timeoutMs),
    });
    return await this.#using(this.#entry(access), async (entry) => {
      const options = { signal, timeoutMs: this.#options.timeoutMs, onProgress };
      const snapshot = await this.#pack(entry, source.depth, target, access, options, async (packed) => ({
        commit: packed.commit,
        branch: target.branch,
        shallow: packed.shallow,
        notes: packed.notes,
        ...(await this.#lend(packed.bundlePath)),
      }));
      await this.#evictNowAndThen();
      return snapshot;
    });
  }

  /**
   * Runs work on a bare repository that has the commit and its files, to be read only; fetches it again when it was removed
   * meanwhile.
   * @throws GitError RefNotFound when neither the cache nor the remote has the commit, and whatever the work throws
   */
  async withCommit<T>(access: Access, commit: string, signal: AbortSignal, work: (gitDir: string) => Promise<T>): Promise<T> {
    return await this.#using(this.#entry(access), async (entry) => {
      for (const name of await readdir(entry).catch(() => [])) {
        const clone = new CachedClone(this.git, join(entry, name), depthOf(name));
        if (await clone.has(commit, signal)) return await work(clone.gitDir);
      }
      const target = { commit, branch: '', source: commit, object: commit };
      const options = { signal, timeoutMs: this.#options.timeoutMs };
      const gitDir = await this.#pack(entry, 1, target, access, options, async (_packed, clone) => clone.gitDir);
      return await work(gitDir);
    });
  }

  /** Runs work in an empty folder of its own name, which is removed afterwards, and at once when a crash left one. */
  async withScratch<T>(name: string, signal: AbortSignal, work: (dir: string) => Promise<T>): Promise<T> {
    const dir = join(this.#options.dir, 'scratch', createHash('sha256').update(name).digest('hex').slice(0, 32));
    return await this.#locks.hold(dir, signal, async () => {
      this.#lent.add(dir);
      try {
        await rm(dir, { recursive: true, force: true });
        await mkdir(dir, { recursive: true });
        return await work(dir);
      } finally {
        await rm(dir, { recursive: true, force: true });
        this.#lent.delete(dir);
      }
    });
  }

  /**
   * Removes what a process that died left behind, and the longest unused repositories while the cache holds more than
   * `maxBytes` (the constructor's when left out). What is in use stays.
   */
  async prune(maxBytes: number = this.#options.maxBytes): Promise<void> {
    for (const kind of ['snapshots', 'scratch', 'removed']) {
      const folder = join(this.#options.dir, kind);
      for (const name of await readdir(folder).catch(() => [])) {
        const path = join(folder, name);
        if (!this.#lent.has(path)) await rm(path, { recursive: true, force: true });
      }
    }
    await this.#evict(maxBytes);
  }

  /** Brings the target into the clone of that depth, and lets `take` use it before anybody else may change it. */
  async #pack<T>(
    entry: string,
    depth: number,
    target: Target,
    access: Access,
    options: FetchOptions,
    take: (packed: Packed, clone: CachedClone) => Promise<T>,
  ): Promise<T> {
    const dir = join(entry, `depth-${depth}`);
    const clone = new CachedClone(this.git, dir, depth);
    try {
      return await this.#locks.hold(dir, options.signal, async () => {
        const packed = await clone.pack(target, access, this.#uses.get(entry) === 1, options);
        return await take(packed, clone);
      });
    } catch (error) {
      if (!(error instanceof CommitNotServedError)) throw error;
      return await this.#pack(entry, 0, target, access, options, take);
    }
  }

  #entry({ remote }: Access): string {
    const hash = createHash('sha256').update(`${remote.transport}\n${remote.location}`).digest('hex').slice(0, 32);
    return join(this.#options.dir, 'repositories', hash);
  }

  async #using<T>(entry: string, work: (entry: string) => Promise<T>): Promise<T> {
    this.#uses.set(entry, (this.#uses.get(entry) ?? 0) + 1);
    try {
      const result = await work(entry);
      const now = new Date();
      await utimes(entry, now, now).catch(() => undefined);
      return result;
    } finally {
      const left = (this.#uses.get(entry) ?? 1) - 1;
      if (left === 0) this.#uses.delete(entry);
      else this.#uses.set(entry, left);
    }
  }

  /** A second name for the bundle, so that the next fetch may replace it. */
  async #lend(bundlePath: string): Promise<Pick<Snapshot, 'bundlePath' | 'dispose'>> {
    const path = join(this.#options.dir, 'snapshots', `${randomUUID()}.bundle`);
    try {
      await mkdir(join(this.#options.dir, 'snapshots'), { recursive: true });
      await link(bundlePath, path);
    } catch (error) {
      throw fileFailure('storing the snapshot of the repository', error);
    }
    this.#lent.add(path);
    const dispose = async () => {
      this.#lent.delete(path);
      await rm(path, { force: true });
    };
    return { bundlePath: path, dispose };
  }

  async #evictNowAndThen(): Promise<void> {
    if (performance.now() - this.#lastEviction < EVICTION_MS) return;
    this.#lastEviction = performance.now();
    await this.#evict(this.#options.maxBytes);
  }

  async #evict(maxBytes: number): Promise<void> {
    const folder = join(this.#options.dir, 'repositories');
    const entries: { path: string; bytes: number; used: number }[] = [];
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const used = (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
      entries.push({ path, used, bytes: await sizeOf(path) });
    }
    let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
    entries.sort((a, b) => a.used - b.used);
    for (const { path, bytes } of entries) {
      if (total <= maxBytes) return;
      if (this.#uses.has(path)) continue;
      await rm(path, { recursive: true, force: true });
      total -= bytes;
    }
  }
}

function depthOf(name: string): number {
  return Number.parseInt(name.replace('depth-', ''), 10) || 0;
}

async function requireFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return;
  throw new GitError(
    'RepositoryNotFound',
    `there is no git repository at ${redactUrl(path)}: ${found ? 'it is not a folder' : 'no such folder'}`,
  );
}

async function sizeOf(path: string): Promise<number> {
  let bytes = 0;
  const files = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const file of files) {
    if (file.isFile()) bytes += (await stat(join(file.parentPath, file.name)).catch(() => undefined))?.size ?? 0;
  }
  return bytes;
}
