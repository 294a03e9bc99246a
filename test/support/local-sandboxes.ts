/** A folder for local sandboxes that leaves nothing behind: neither files nor processes. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IsolationMethod } from '../../operator/sandbox/local/isolation.ts';
import { LocalTransport, type LocalTransportOptions } from '../../operator/sandbox/local/transport.ts';
import type { SandboxOwner } from '../../operator/sandbox/transport.ts';
import { eventually, PATIENCE_MS, patience } from './eventually.ts';

export class LocalSandboxes {
  readonly folder: string;
  readonly options: LocalTransportOptions;
  readonly #owners: SandboxOwner[] = [];

  constructor(isolation: IsolationMethod, options: Partial<LocalTransportOptions> = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'sandboxes-'));
    chmodSync(this.folder, 0o755);
    this.options = {
      workspaceDir: join(this.folder, 'workspace'),
      isolation,
      hidden: [],
      hostEnvironment: { PATH: process.env.PATH },
      home: homedir(),
      ...options,
    };
  }

  /** As another operator on the same machine would have it. */
  transport(options: Partial<LocalTransportOptions> = {}): LocalTransport {
    return new LocalTransport({ ...this.options, ...options });
  }

  owner(name = `session-${this.#owners.length + 1}`): SandboxOwner {
    const owner = { uid: crypto.randomUUID(), name, namespace: 'default' };
    this.#owners.push(owner);
    return owner;
  }

  /** Disposes of every sandbox and removes the folder. @throws when something stays behind. */
  async close(): Promise<void> {
    const transport = this.transport();
    const folder = this.options.workspaceDir;
    for (const owner of this.#owners) await transport.dispose(owner, patience());
    const left = [...readdirSync(folder), ...readdirSync(join(folder, '.sandboxes'))].filter((name) => name !== '.sandboxes');
    // bubblewrap's own process ends by itself, a moment after the sandbox that it waited for.
    const gone = () => processesNaming(folder).length === 0;
    await eventually('the processes of sandboxes to be gone', gone).catch(() => {});
    const running = processesNaming(folder);
    rmSync(this.folder, { recursive: true, force: true });
    if (left.length > 0 || running.length > 0) throw new Error(`left behind: ${[...left, ...running].join(', ')}`);
  }
}

/** Processes in whose arguments or environment the text appears, as "pid arguments". */
export function processesNaming(text: string): string[] {
  if (process.platform !== 'linux') {
    return execFileSync('ps', ['-A', '-E', '-ww', '-o', 'pid=,command='], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes(text));
  }
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
      const env = readFileSync(`/proc/${pid}/environ`, 'latin1');
      return args.includes(text) || env.includes(text) ? [`${pid} ${args.slice(0, 80)}`] : [];
    } catch {
      return [];
    }
  });
}

/** Why a method cannot be tested here; undefined when it can. In CI it is an error to lack a program that could be installed. */
export function missing(method: IsolationMethod): string | undefined {
  const reason = whyMissing(method);
  if (reason?.includes('not installed') && process.env.CI === 'true')
    throw new Error(`the tests of the ${method} isolation cannot run: ${reason}`);
  if (reason) console.warn(`not tested: ${method} isolation, because ${reason}`);
  return reason;
}

function whyMissing(method: IsolationMethod): string | undefined {
  if (method === 'user') return process.getuid?.() === 0 && process.platform === 'linux' ? undefined : 'it needs Linux and root';
  if (method === 'none') return undefined;
  try {
    execFileSync('bwrap', ['--ro-bind', '/', '/', '--unshare-pid', '--proc', '/proc', 'true'], { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    const absent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return absent ? 'bubblewrap (bwrap) is not installed' : 'the kernel does not let bubblewrap (bwrap) work here';
  }
}

/** Waits until the condition holds. @throws after `ms` with what was waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, ms = PATIENCE_MS): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
