/**
 * Pods without a cluster: a folder and a keeper process each, with execs that are processes. What a Pod sandbox does above
 * the API server can be seen with any shell of this machine, and connections can be broken when a test wants it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecSession } from '../../operator/kube/exec.ts';
import { ExecEndedError, type ExecOutcome } from '../../operator/kube/exec-outcome.ts';
import { type PodExec, PodHandle } from '../../operator/sandbox/pod/handle.ts';
import { SandboxLostError, type SandboxSpec } from '../../operator/sandbox/transport.ts';
import { eventually } from './eventually.ts';
import { processesNaming } from './local-sandboxes.ts';

const KEEPER = readFileSync(join(import.meta.dirname, '../../operator/sandbox/pod/keeper.sh'), 'utf8');

type FakePod = { root: string; uid: string; keeper: ChildProcess; execs: Set<ChildProcess>; deleted: boolean };

export class ProcessPods {
  /** Execs that were started. */
  started = 0;
  readonly #shell: readonly string[];
  readonly #path: string;
  readonly #pods: FakePod[] = [];

  /** @param shell what /bin/sh is in these Pods; @param path PATH there */
  constructor(shell: readonly string[] = ['/bin/sh'], path = process.env.PATH ?? '') {
    this.#shell = shell;
    this.#path = path;
  }

  async provision(spec: SandboxSpec = {}): Promise<PodHandle> {
    const root = mkdtempSync(join(tmpdir(), 'pod-'));
    const uid = randomUUID();
    const { http, https } = spec.network?.proxy ?? {};
    const env = {
      PATH: this.#path,
      HOME: `${root}/home`,
      TMPDIR: `${root}/tmp`,
      TERM: 'dumb',
      SWE_AGENT_SANDBOX: uid,
      ...(http && { http_proxy: http }),
      ...(https && { https_proxy: https }),
      ...Object.fromEntries((spec.env ?? []).map(({ name, value }) => [name, value])),
    };
    const [program = '/bin/sh', ...args] = this.#shell;
    // In a Pod /bin/sh is the image's; here the keeper is told which one that is.
    const script = KEEPER.replace('/bin/sh "$run/runner.sh"', `${this.#shell.join(' ')} "$run/runner.sh"`);
    const keeper = spawn(program, [...args, '-c', script, 'swe-agent-keeper', root, '60', ''], {
      env,
      stdio: 'ignore',
      detached: true,
    });
    const pod = { root, uid, keeper, execs: new Set<ChildProcess>(), deleted: false };
    this.#pods.push(pod);
    await eventually('the keeper to be there', () => existsSync(`${root}/tmp`));
    return this.#handle(pod, env);
  }

  findAgain(handle: PodHandle): PodHandle {
    const pod = this.#podOf(handle);
    return this.#handle(pod, { PATH: this.#path, SWE_AGENT_SANDBOX: pod.uid });
  }

  /** Starts programs in the Pod, as somebody does who has not been given a handle yet. */
  exec(handle: PodHandle): PodExec {
    const pod = this.#podOf(handle);
    return this.#exec(pod, { PATH: this.#path, SWE_AGENT_SANDBOX: pod.uid });
  }

  /** Breaks every connection to the Pod. */
  disconnect(handle: PodHandle): void {
    for (const exec of this.#podOf(handle).execs) exec.kill('SIGKILL');
  }

  async delete(handle: PodHandle): Promise<void> {
    const pod = this.#podOf(handle);
    pod.deleted = true;
    await this.#end(pod);
  }

  async close(): Promise<void> {
    for (const pod of this.#pods) {
      await this.#end(pod);
      rmSync(pod.root, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  #podOf(handle: PodHandle): FakePod {
    const pod = this.#pods.find(({ uid }) => uid === handle.identity.uid);
    if (!pod) throw new Error('no such Pod');
    return pod;
  }

  #handle(pod: FakePod, env: Record<string, string>): PodHandle {
    return new PodHandle({
      identity: { type: 'pod', name: 'pod', uid: pod.uid },
      isolation: { isolated: false, method: 'pod', message: 'processes of a test' },
      root: pod.root,
      container: async () => {
        if (pod.deleted) throw new SandboxLostError('the Pod is gone');
        return { exec: this.#exec(pod, env), fate: () => ({ [Symbol.dispose]: () => undefined }) };
      },
      stopped: () => false,
    });
  }

  #exec(pod: FakePod, env: Record<string, string>): PodExec {
    return async ({ command }) => {
      this.started++;
      const [program = '/bin/sh', ...args] = [...this.#shell, ...command.slice(1)];
      const child = spawn(program, [...args, String(pod.keeper.pid)], { env, stdio: 'pipe' });
      pod.execs.add(child);
      child.once('close', () => pod.execs.delete(child));
      return sessionOf(child);
    };
  }

  async #end(pod: FakePod): Promise<void> {
    const end = () => {
      for (const line of processesNaming(pod.uid)) {
        try {
          process.kill(Number(line.split(' ')[0]), 'SIGKILL');
        } catch {
          // It ended by itself.
        }
      }
    };
    await eventually('the processes of a Pod to be gone', () => {
      end();
      return processesNaming(pod.uid).length === 0;
    });
  }
}

function sessionOf(child: ReturnType<typeof spawn>): ExecSession {
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error('the process has no pipes');
  stdin.on('error', () => undefined);
  const outcome = new Promise<ExecOutcome>((resolve) => {
    child.once('close', (code) => resolve({ state: 'exited', exitCode: code ?? 137 }));
    // What it left running holds the pipes open; a connection that is broken is broken all the same.
    child.once('exit', (code) => {
      if (code === null) resolve({ state: 'unknown', reason: 'closed', message: 'it was killed' });
    });
  });
  return {
    protocol: 'v5',
    stdout,
    stderr,
    outcome,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stdin.write(bytes, (error) => (error ? reject(new ExecEndedError('ended', { cause: error })) : resolve()));
      }),
    endStdin: async () => void stdin.end(),
    close: () => void child.kill('SIGKILL'),
  };
}
