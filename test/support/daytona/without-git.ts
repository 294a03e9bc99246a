/** What a sandbox without git needs: a PATH that has none, and tools to bring. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const FROM = ['/usr/bin', '/bin'];

/** Makes a folder that has these programs of this machine, for PATH. */
export function pathOf(folder: string, names: Iterable<string>): string {
  mkdirSync(folder);
  for (const name of names) {
    const found = FROM.map((from) => join(from, name)).find(existsSync);
    if (found) symlinkSync(found, join(folder, name));
  }
  return folder;
}

/** Would install on this machine, where the sandboxes of the tests are. */
const PACKAGE_MANAGERS = /^(apt|apk|dnf|microdnf|yum|zypper)/;

/** The same with every program of this machine but git, ripgrep, and what could install them. */
export function pathWithoutGit(folder: string): string {
  const all = FROM.flatMap((from) => (existsSync(from) ? readdirSync(from) : []));
  return pathOf(folder, new Set(all.filter((name) => !/^(git|rg$)/.test(name) && !PACKAGE_MANAGERS.test(name))));
}

/** Puts a package manager into a folder of PATH, which does as the script says. */
export function packageManager(path: string, name: string, script: string): void {
  writeFileSync(join(path, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** Makes a toolbox of a script in git's place, behind a link as the real one has. */
export function scriptToolbox(folder: string, script: string): string {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  mkdirSync(join(folder, 'libexec'));
  writeFileSync(join(folder, 'libexec/git'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'libexec/git'), 0o755);
  symlinkSync('../libexec/git', join(folder, 'bin/git'));
  return folder;
}

/** Where the images of the tests of Pods are, once they were made. */
export function toolboxArchive(): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return join(process.env.SWE_AGENT_CLUSTER_DIR ?? join(cache, 'swe-agent-cluster'), 'images/pods.tar');
}

/** Unpacks the static toolbox of the worker image out of them. */
export function unpackToolbox(folder: string): string {
  mkdirSync(folder);
  execFileSync('tar', ['-xf', toolboxArchive(), '-C', folder, 'toolbox.tar']);
  execFileSync('tar', ['-xf', join(folder, 'toolbox.tar'), '-C', folder]);
  return join(folder, 'toolbox');
}
