/**
 * Files of the worktree and of the sandbox's own folder. Paths are resolved, and changes installed, inside the sandbox by
 * its runner: with the sandbox's rights, and refused to an owner whose epoch has passed.
 */
import { canCarry, encodeManifest } from './protocol.ts';
import type { Runner } from './runner.ts';
import { type FileChange, PathError } from './sandbox.ts';
import { storageFull } from './storage-full.ts';
import { type SandboxHandle, SandboxUnavailableError } from './transport.ts';

const DEFAULT_MODE = 0o644;

type Resolved = { kind: 'file' | 'directory' | 'other' | 'absent'; path: string };

export class Files {
  readonly #handle: SandboxHandle;
  readonly #runner: Runner;
  readonly #epoch: number;

  constructor(handle: SandboxHandle, runner: Runner, epoch: number) {
    this.#handle = handle;
    this.#runner = runner;
    this.#epoch = epoch;
  }

  /**
   * Steps, each of which may be the last before a crash: stage the bytes under <op>/<epoch>, stage the list of changes,
   * have the runner note which stage it installs, install, note that it is done. Before the first note nothing has
   * changed; after it a repetition completes the same stage.
   */
  async apply(op: string, changes: readonly FileChange[], signal: AbortSignal): Promise<void> {
    if ((await this.resume(op, signal)) === 'applied') return;
    const targets = await Promise.all(changes.map((change) => this.#target(change.path, signal)));
    const seen = new Set<string>();
    for (const [index, target] of targets.entries()) {
      if (seen.has(target.path)) throw new PathError(`${changes[index]?.path} is named twice in one change; merge the two`);
      seen.add(target.path);
    }
    const manifest = encodeManifest(changes.map(({ path, bytes }) => ({ path, delete: bytes === null })));
    if (manifest === undefined) throw new PathError('a path holds a control character that cannot be used; choose another name');
    const stage = `${this.#handle.root}/.run/files/${op}/${this.#epoch}`;
    for (const [index, change] of changes.entries()) {
      if (change.bytes === null) continue;
      await this.#handle.put(`${stage}/${index}`, change.bytes, {
        mode: change.mode ?? targets[index]?.mode ?? DEFAULT_MODE,
        signal,
      });
    }
    await this.#handle.put(`${stage}/manifest`, Buffer.from(manifest), { mode: 0o600, signal });
    await this.#install(op, String(this.#epoch), changes, signal);
  }

  async resume(op: string, signal: AbortSignal): Promise<'applied' | 'absent'> {
    return this.#install(op, '-', [], signal);
  }

  async read(path: string, options: { maxBytes: number; signal: AbortSignal }): Promise<Uint8Array | undefined> {
    const target = await this.#resolve(path, options.signal);
    if (target.kind === 'absent') return undefined;
    if (target.kind !== 'file')
      throw new PathError(`${path} is ${target.kind === 'directory' ? 'a directory' : 'not a regular file'}`);
    return this.#whole(target.path, path, options);
  }

  async stat(path: string, signal: AbortSignal): Promise<{ type: 'file' | 'directory' | 'other'; size: number } | undefined> {
    const target = await this.#resolve(path, signal);
    if (target.kind === 'absent') return undefined;
    const found = await this.#handle.stat(target.path, signal);
    return found && { type: found.type, size: found.size };
  }

  async upload(path: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    // Answers only an owner whose epoch still counts.
    await this.#runner.request('attach', ['upload'], signal);
    await this.#handle.put(this.#ownPath(path), bytes, { mode: DEFAULT_MODE, signal });
  }

  async download(path: string, options: { maxBytes: number; signal: AbortSignal }): Promise<Uint8Array | undefined> {
    const own = this.#ownPath(path);
    const found = await this.#handle.stat(own, options.signal);
    if (!found) return undefined;
    if (found.type !== 'file') throw new PathError(`${path} is not a regular file`);
    return this.#whole(own, path, options);
  }

  async #whole(path: string, shown: string, options: { maxBytes: number; signal: AbortSignal }): Promise<Uint8Array | undefined> {
    const bytes = await this.#handle.get(path, { offset: 0, length: options.maxBytes + 1, signal: options.signal });
    if (bytes && bytes.length > options.maxBytes)
      throw new PathError(`${shown} is larger than ${options.maxBytes} bytes; read a part of it`);
    return bytes;
  }

  /** Where a change goes, checked before anything is staged. */
  async #target(path: string, signal: AbortSignal): Promise<{ path: string; mode?: number }> {
    const target = await this.#resolve(path, signal);
    if (target.kind === 'directory') throw new PathError(`${path} is a directory; name a file in it`);
    if (target.kind === 'other') throw new PathError(`${path} is not a regular file`);
    if (target.kind === 'absent') return { path: target.path };
    const found = await this.#handle.stat(target.path, signal);
    return found ? { path: target.path, mode: found.mode & 0o777 } : { path: target.path };
  }

  async #resolve(path: string, signal: AbortSignal): Promise<Resolved> {
    if (path === '') throw new PathError('the path is empty; name a file of the repository');
    if (!canCarry(path) || !this.#runner.fits('resolve', [path])) {
      throw new PathError(
        `${JSON.stringify(path.slice(0, 200))} cannot be used as a path: it is too long or holds control characters`,
      );
    }
    const { word, rest } = await this.#runner.request('resolve', [path], signal);
    switch (word) {
      case 'file':
      case 'directory':
      case 'other':
      case 'absent':
        return { kind: word, path: rest };
      default:
        throw new PathError(refusal(path, word));
    }
  }

  async #install(op: string, stage: string, changes: readonly FileChange[], signal: AbortSignal): Promise<'applied' | 'absent'> {
    const { word, rest } = await this.#runner.request('install', [op, stage], signal);
    if (word === 'applied' || word === 'absent') return word;
    if (word !== 'refused') throw new Error(`the sandbox answered ${word} to a change of files`);
    const [entry, kind = ''] = rest.split(' ');
    if (kind === 'failed' && (await isFull(this.#handle, signal))) throw storageFull(this.#handle.identity.type);
    throw new PathError(refusal(changes[Number(entry) - 1]?.path ?? 'a file of the change', kind));
  }

  #ownPath(path: string): string {
    const parts = path.split('/');
    if (path.startsWith('/') || parts.some((part) => part === '' || part === '.' || part === '..')) {
      throw new PathError(`${path} must be a plain path relative to the sandbox's folder`);
    }
    return `${this.#handle.root}/${path}`;
  }
}

/** Whether nothing can be written in the sandbox's folder any more. */
export async function isFull(handle: SandboxHandle, signal: AbortSignal): Promise<boolean> {
  try {
    await handle.put(`${handle.root}/.run/cmd/probe`, new Uint8Array(4096), { mode: 0o600, signal });
    return false;
  } catch (error) {
    return error instanceof SandboxUnavailableError && error.reason === 'StorageFull';
  }
}

function refusal(path: string, kind: string): string {
  switch (kind) {
    case 'outside':
      return `${path} is outside of the repository; use a path inside it`;
    case 'not-a-directory':
      return `${path} runs through something that is not a directory`;
    case 'loop':
      return `${path} is a symbolic link that leads back to itself`;
    case 'directory':
      return `${path} is a directory; name a file in it`;
    case 'other':
      return `${path} is not a regular file`;
    case 'read-only':
      return `${path} lies in a directory that cannot be written to`;
    default:
      return `${path} could not be changed`;
  }
}
