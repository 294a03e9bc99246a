/**
 * Brings git and a few tools into a sandbox whose image has none: the same folder of static programs as for Pods, uploaded.
 * Without that folder git comes from the image's package manager.
 */
import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Sandbox } from '@daytonaio/sdk';
import { quote } from '../quote.ts';
import type { NoticeListener } from '../transport.ts';
import { type DaytonaClient, unavailable } from './client.ts';
import { installGit } from './install-git.ts';

const UPLOAD_MS = 10 * 60_000;
const EXECUTE_SECONDS = 120;

/**
 * Does nothing where the image has git, or the tools are there already. Done twice it does no harm.
 * @param folder the tools on this machine; undefined: there are none to bring
 * @param target where they go in the sandbox
 * @param onNotice hears that git is being installed, and undefined when it is
 * @throws SandboxUnavailableError | the SDK's errors | the signal's reason
 */
export async function bringToolbox(
  client: DaytonaClient,
  sandbox: Sandbox,
  { folder, target, onNotice }: { folder: string | undefined; target: string; onNotice?: NoticeListener | undefined },
  signal: AbortSignal,
): Promise<void> {
  const run = async (command: string): Promise<{ exitCode: number; result: string }> => {
    const execute = () => sandbox.process.executeCommand(command, undefined, undefined, EXECUTE_SECONDS);
    return client.call('prepare a sandbox', execute, { signal, ms: (EXECUTE_SECONDS + 10) * 1000, repeatable: true, raw: true });
  };
  const there = await run(`command -v git >/dev/null || [ -e ${quote(target)}/complete ]`);
  if (there.exitCode === 0) return;
  if (folder === undefined) {
    onNotice?.({
      reason: 'InstallingGit',
      message: `the image of the sandbox ${sandbox.name} has no git, which is being installed`,
    });
    await installGit(client, sandbox, `${target}.install`, signal);
    return onNotice?.(undefined);
  }
  // It is what it is called: by any other name busybox looks for a tool of that name in itself.
  const [archive, busybox] = [`${target}.tar.gz`, join(dirname(target), 'busybox')];
  // The image may have no tar; the toolbox has a busybox that is one.
  const own = join(folder, 'bin/busybox');
  const hasBusybox = await access(own).then(
    () => true,
    () => false,
  );
  const upload = async (): Promise<void> => {
    if (hasBusybox) await sandbox.fs.uploadFile(own, busybox, UPLOAD_MS / 1000);
    await uploadArchive(sandbox, folder, archive, signal);
  };
  await client.call('take the toolbox', upload, { signal, ms: UPLOAD_MS, repeatable: true, raw: true });
  const tar = hasBusybox ? `chmod 755 ${quote(busybox)} && ${quote(busybox)} tar` : 'tar';
  const fresh = `${target}.new`;
  const [t, n] = [quote(target), quote(fresh)];
  const { exitCode, result } = await run(
    `rm -rf ${n} ${t}; mkdir -p ${n} && ${tar} -xzf ${quote(archive)} -C ${n} && : >${n}/complete && mv ${n} ${t} && rm -f ${quote(archive)} ${quote(busybox)}`,
  );
  if (exitCode !== 0) {
    const said = result.trim().slice(-500);
    throw unavailable('ToolboxNotInstalled', `the toolbox could not be unpacked in the sandbox ${sandbox.name}: ${said}`);
  }
}

async function uploadArchive(sandbox: Sandbox, folder: string, archive: string, signal: AbortSignal): Promise<void> {
  const tar = spawn('tar', ['-C', folder, '-czf', '-', '.'], { stdio: ['ignore', 'pipe', 'ignore'], signal });
  const ended = new Promise<void>((resolve, reject) => {
    tar.once('error', reject);
    tar.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`tar of ${folder} ended with ${code}`))));
  });
  ended.catch(() => undefined);
  try {
    await sandbox.fs.uploadFileStream(tar.stdout, archive, { timeout: UPLOAD_MS / 1000, signal });
    await ended;
  } finally {
    tar.kill('SIGKILL');
  }
}
