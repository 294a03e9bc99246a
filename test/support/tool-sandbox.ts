/** A real local sandbox with a small repository in it, and the tools called in it as a model calls them. */

import { existsSync } from 'node:fs';
import { lchown, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { parseArguments } from '../../operator/agent/tools/arguments.ts';
import { toolsFor } from '../../operator/agent/tools/catalog.ts';
import type { ToolContext, ToolResult } from '../../operator/agent/tools/tool.ts';
import { openSandbox } from '../../operator/sandbox/commands.ts';
import { LocalTransport } from '../../operator/sandbox/local/transport.ts';
import type { Sandbox } from '../../operator/sandbox/sandbox.ts';
import { patience } from './eventually.ts';
import { git } from './git-repository.ts';
import { temporaryFolder } from './temporary-folder.ts';

export type ToolSandboxOptions = {
  /** Committed files of the repository, by path. */
  files?: Record<string, string | Uint8Array>;
  /** Programs of this machine that commands must not find. */
  without?: readonly string[];
  isolation?: 'none' | 'bubblewrap';
};

export type ToolSandbox = AsyncDisposable & {
  sandbox: Sandbox;
  /** The worktree, as this process sees it. */
  repo: string;
  seen: Map<string, string>;
  /** Calls a tool of the programmer with arguments as a model writes them. */
  call(name: string, args: Record<string, unknown> | string, context?: Partial<ToolContext>): Promise<ToolResult>;
};

export async function toolSandbox(options: ToolSandboxOptions = {}): Promise<ToolSandbox> {
  const folder = await temporaryFolder();
  const path = options.without ? await pathWithout(join(folder.path, 'bin'), options.without) : process.env.PATH;
  const transport = new LocalTransport({
    workspaceDir: join(folder.path, 'workspace'),
    isolation: options.isolation ?? 'none',
    hidden: [],
    hostEnvironment: { PATH: path },
    home: folder.path,
  });
  const owner = { uid: '00000000-0000-4000-8000-000000000001', name: 'tools', namespace: 'default' };
  const handle = await transport.provision(owner, {}, patience());
  const sandbox = await openSandbox(handle, { epoch: 1 });
  const repo = join(folder.path, 'workspace', 'tools', 'repo');
  for (const [name, content] of Object.entries(options.files ?? {})) {
    await mkdir(dirname(join(repo, name)), { recursive: true });
    await writeFile(join(repo, name), content);
  }
  await git(repo, 'init', '-q', '--template=');
  await git(repo, 'add', '-A');
  await git(repo, 'commit', '-q', '--allow-empty', '-m', 'begin');
  await giveToOwnerOf(repo);
  const seen = new Map<string, string>();
  const tools = toolsFor('programmer', 'gpt-5');
  let calls = 0;
  return {
    sandbox,
    repo,
    seen,
    async call(name, args, context) {
      const parsed = parseArguments(name, typeof args === 'string' ? args : JSON.stringify(args), tools);
      if ('error' in parsed) return { outcome: 'error', text: parsed.error };
      const tool = tools.sandboxTool(name);
      if (!tool) throw new Error(`${name} is no tool of the sandbox`);
      calls++;
      const signal = patience();
      return tool.run(parsed.args, {
        sandbox,
        op: `call.${calls}`,
        resumed: false,
        signal,
        maxTimeoutSeconds: 600,
        seen,
        ...context,
      });
    },
    async [Symbol.asyncDispose]() {
      await sandbox.close();
      await transport.dispose(owner, patience());
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A PATH of links to everything that a shell needs but the programs named. */
async function pathWithout(bin: string, without: readonly string[]): Promise<string> {
  await mkdir(bin);
  for (const name of ['sh', 'git', 'rg', ...PROGRAMS]) {
    if (without.includes(name)) continue;
    const real = (process.env.PATH ?? '')
      .split(delimiter)
      .map((folder) => join(folder, name))
      .find(existsSync);
    if (real) await symlink(real, join(bin, name));
  }
  return bin;
}

const PROGRAMS = [
  ...[
    'awk',
    'basename',
    'cat',
    'chmod',
    'cp',
    'cut',
    'date',
    'dirname',
    'env',
    'find',
    'grep',
    'head',
    'id',
    'kill',
    'ln',
    'ls',
    'mkdir',
  ],
  ...[
    'mkfifo',
    'mktemp',
    'mv',
    'ps',
    'readlink',
    'rm',
    'rmdir',
    'sed',
    'setsid',
    'sleep',
    'sort',
    'stat',
    'tail',
    'touch',
    'tr',
    'wc',
    'xargs',
  ],
];

/** What this process made in a folder goes to the folder's user: commands may run as another one. */
async function giveToOwnerOf(folder: string): Promise<void> {
  const { uid, gid } = await stat(folder);
  if (uid === process.getuid?.()) return;
  for (const name of await readdir(folder, { recursive: true })) await lchown(join(folder, name), uid, gid);
}
