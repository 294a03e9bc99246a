import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PATIENCE_MS } from './eventually.ts';

export type KubectlResult = { code: number; out: string; err: string };

export type Kubectl = {
  /** Runs kubectl to its end, with the text as its standard input. */
  (args: readonly string[], options?: { input?: string; env?: Record<string, string> }): Promise<KubectlResult>;
  /** Starts kubectl; `out` grows while it runs. */
  start(args: readonly string[]): { out(): string; done: Promise<KubectlResult>; stop(): void };
};

/** Why the tests with kubectl cannot run here; undefined when they can. */
export function kubectlMissing(): string | undefined {
  return spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status === 0 ? undefined : 'kubectl is not installed';
}

/** kubectl on the kubeconfig, with its cache and home in the folder. */
export function kubectl(kubeconfig: string, folder: string): Kubectl {
  mkdirSync(folder, { recursive: true });
  const env = { PATH: process.env.PATH ?? '', HOME: folder, KUBECONFIG: kubeconfig, KUBECACHEDIR: join(folder, 'cache') };
  const run = (args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}) =>
    new Promise<KubectlResult>((resolve) => {
      const child = execFile(
        'kubectl',
        [...args],
        { env: { ...env, ...options.env }, timeout: PATIENCE_MS },
        (error, out, err) => {
          resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, out, err });
        },
      );
      // One that read nothing may be gone before it is written to; its exit code tells what became of it.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(options.input ?? '');
    });
  const start = (args: readonly string[]) => {
    const child = spawn('kubectl', [...args], { env, timeout: PATIENCE_MS, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    const done = new Promise<KubectlResult>((resolve) => {
      child.on('close', (code) => resolve({ code: code ?? 1, out, err }));
    });
    return { out: () => out, done, stop: () => void child.kill() };
  };
  return Object.assign(run, { start });
}
