/** Tests that need something of the machine. Where it is missing they are skipped, and the reason is printed. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from '@jest/globals';
import { kubectlMissing } from './kubectl.ts';

/** `it`, where kubectl is installed; it has to be where every change is tested. */
export function itWithKubectl(): typeof it.skip {
  const missing = kubectlMissing();
  if (missing && process.env.CI === 'true') throw new Error(`the tests with kubectl must run here, but ${missing}`);
  return needing(missing);
}

/** `describe`, where redis-server is installed; it has to be where every change is tested. */
export const describeWithRedis = (): typeof describe.skip => describeWhere(redisMissing());

/** `describe`, where redis-server is installed and speaks TLS; it has to be where every change is tested. */
export const describeWithRedisTls = (): typeof describe.skip => describeWhere(redisMissing() ?? redisTlsMissing());

function describeWhere(missing: string | undefined): typeof describe.skip {
  if (missing === undefined) return describe;
  if (process.env.CI === 'true') throw new Error(`the tests with Redis must run here, but ${missing}`);
  console.warn(`some tests are skipped: ${missing}`);
  return describe.skip;
}

/** Why there can be no Redis here; undefined when there can. */
export function redisMissing(): string | undefined {
  return spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0 ? undefined : 'redis-server is not installed';
}

/** Why redis-server cannot speak TLS here; undefined when it can. */
function redisTlsMissing(): string | undefined {
  // The first line that it does not like is the one that it names.
  const { stdout, stderr } = spawnSync('redis-server', ['--tls-auth-clients', 'no', '--port', 'none'], { encoding: 'utf8' });
  return /tls-auth-clients/.test(`${stdout}${stderr}`) ? 'redis-server was built without TLS' : undefined;
}

/** `it`, where commands are kept from what is the operator's. */
export const itIsolated = (): typeof it.skip => needing(isolationMissing());

/** `it`, where a file system can be mounted. */
export const itWithMount = (): typeof it.skip => needing(mountMissing());

function needing(missing: string | undefined): typeof it.skip {
  if (missing === undefined) return it;
  console.warn(`some tests are skipped: ${missing}`);
  return it.skip;
}

function isolationMissing(): string | undefined {
  const bubblewrap = spawnSync('bwrap', ['--ro-bind', '/', '/', '--unshare-pid', 'true'], { stdio: 'ignore' }).status === 0;
  const root = process.platform === 'linux' && process.getuid?.() === 0;
  return bubblewrap || root ? undefined : 'bubblewrap does not work here, and this is not root on Linux';
}

function mountMissing(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'swe-mount-'));
  try {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'swe-agent-test', folder], { encoding: 'utf8' });
    if (mounted.status !== 0)
      return `no file system can be mounted here (${(mounted.stderr ?? '').trim() || mounted.error?.message})`;
    spawnSync('umount', [folder]);
    return undefined;
  } finally {
    rmdirSync(folder);
  }
}
