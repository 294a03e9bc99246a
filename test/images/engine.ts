/**
 * The Docker engine that the tests of the images use: the one that DOCKER_HOST names, else the one of `make docker-up`, else
 * the one that `docker` finds by itself. Only with IMAGE_TESTS=true (`make images-test`), because building takes minutes.
 * Without an engine they are skipped and say why; with CI=true they fail.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';

/** A first build on a slow machine, packages included. */
export const BUILD_MS = 900_000;

const built = join(
  process.env.SWE_AGENT_CLUSTER_DIR || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'swe-agent-cluster'),
  'docker/docker.sock',
);

/** `describe`, where there is an engine and the tests of the images are asked for. */
export function describeWithDocker(): typeof describe.skip {
  if (process.env.IMAGE_TESTS !== 'true') return skipped('IMAGE_TESTS is not "true" (make images-test sets it)');
  const tried: string[] = [];
  for (const host of candidates()) {
    const env = { ...process.env, ...(host === undefined ? {} : { DOCKER_HOST: host }) };
    const asked = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { env, encoding: 'utf8', timeout: 30_000 });
    if (asked.status === 0) {
      console.info(`taken: the Docker engine ${asked.stdout.trim()} at ${host ?? "docker's own address"}`);
      // As `docker` and testcontainers read it. Testcontainers' own helper would have to be pulled; see Containers.
      if (host !== undefined) process.env.DOCKER_HOST = host;
      process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
      return describe;
    }
    tried.push(`${host ?? "docker's own address"}: ${asked.error?.message ?? asked.stderr.trim()}`);
  }
  const missing = `no Docker engine answers; start one, name it in DOCKER_HOST, or run "make docker-up" (${tried.join('; ')})`;
  if (process.env.CI === 'true') throw new Error(`the tests of the images must run here, but ${missing}`);
  return skipped(missing);
}

function skipped(reason: string): typeof describe.skip {
  console.warn(`the tests of the images are skipped: ${reason}`);
  return describe.skip;
}

function candidates(): (string | undefined)[] {
  if (process.env.DOCKER_HOST) return [process.env.DOCKER_HOST];
  return existsSync(built) ? [`unix://${built}`, undefined] : [undefined];
}

/** Runs docker to its end. @throws with what it said */
export async function docker(args: readonly string[], options: { cwd?: string; timeoutMs?: number } = {}): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)('docker', [...args], {
      cwd: options.cwd,
      timeout: options.timeoutMs ?? 60_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    // The process's own output is wanted of `docker logs`, and only of that is there any on both.
    return args[0] === 'logs' ? stdout + stderr : stdout;
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause && 'stdout' in cause ? `${cause.stdout}\n${cause.stderr}` : '';
    throw new Error(`docker ${args.join(' ')} failed: ${said.trim().split('\n').slice(-40).join('\n') || String(cause)}`, {
      cause,
    });
  }
}

/** How a container reaches a server of this machine: the address to listen on. Its name there is host.docker.internal. */
export async function hostAddress(): Promise<string> {
  const gateway = (
    await docker(['network', 'inspect', 'bridge', '--format', '{{range .IPAM.Config}}{{println .Gateway}}{{end}}'])
  ).trim();
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? []);
  // Docker Desktop's bridge is in its virtual machine, and its host.docker.internal leads to this machine's loopback.
  return gateway.split('\n').find((address) => own.includes(address)) ?? '127.0.0.1';
}
