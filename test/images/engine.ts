/**
 * The Docker engine that the tests of the images use: the one that DOCKER_HOST names, else the one that `docker` finds by
 * itself, else the one of `make docker-up`. Only with IMAGE_TESTS=true (`make images-test`), because building takes minutes.
 * Without an engine they are skipped and say why; with CI=true they fail.
 */
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, isIPv4 } from 'node:net';
import { homedir } from 'node:os';
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
  return existsSync(built) ? [undefined, `unix://${built}`] : [undefined];
}

/** Runs docker to its end. @throws with what it said */
export async function docker(args: readonly string[], options: { cwd?: string; timeoutMs?: number } = {}): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)('docker', [...args], {
      cwd: options.cwd,
      // A test file has an environment of its own, which is not that of the process.
      env: process.env,
      timeout: options.timeoutMs ?? 60_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    // The process's own output is wanted of `docker logs`, and only of that is there any on both.
    return args[0] === 'logs' ? stdout + stderr : stdout;
  } catch (cause) {
    // The cause has the command and its standard error.
    const printed =
      Error.isError(cause) && 'stdout' in cause ? String(cause.stdout).trim().split('\n').slice(-40).join('\n') : '';
    throw new Error(`docker ${args[0]} failed after printing: ${printed}`, { cause });
  }
}

/** The address on which a server of this machine listens for containers, which call it host.docker.internal. */
export async function hostAddress(): Promise<string> {
  const format = '{{range .IPAM.Config}}{{println .Gateway}}{{end}}';
  for (const gateway of (await docker(['network', 'inspect', 'bridge', '--format', format])).split('\n')) {
    if (isIPv4(gateway) && (await isOwn(gateway))) return gateway;
  }
  // Docker Desktop's bridge is in its virtual machine, where the name leads to this machine's loopback.
  return '127.0.0.1';
}

/** Whether something can listen there; the list of interfaces lacks those that nothing is connected to yet. */
async function isOwn(address: string): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(0, address), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
