/**
 * Starts a program so that it never hears of network interfaces that come and go. Chromium breaks off whatever it is just
 * about to load when that happens (ERR_NETWORK_CHANGED), also from 127.0.0.1; on a machine where containers or Pods start
 * and end, that is at any time, and has nothing to do with the page.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The number of the system call `socket`, on the machines that this can be done on. */
const SOCKET: Partial<Record<NodeJS.Architecture, number>> = { x64: 41, arm64: 198 };
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const EAFNOSUPPORT = 97;
/** Where the kernel gives a filter the number of a call, and its first and third argument. */
const AT = { number: 0, family: 16, protocol: 32 };
/** Instructions of classic BPF: load a word, jump when it is equal, return. */
const [LOAD, WHEN, RETURN] = [0x20, 0x15, 0x06];
const REFUSED = 0x0005_0000 | EAFNOSUPPORT;
const ALLOWED = 0x7fff_0000;

/**
 * What is to be started in the place of `program`, with the same arguments: `program` itself where there is no bubblewrap,
 * or where it may not do this.
 * @param folder for what this takes; it must outlive the program
 */
export function withoutNetworkNews(program: string, folder: string): string {
  const socket = process.platform === 'linux' ? SOCKET[process.arch] : undefined;
  if (socket === undefined) return program;
  const filter = join(folder, 'no-network-news.bpf');
  const script = join(folder, 'without-network-news');
  writeFileSync(filter, refusing(socket));
  const started = (what: string) => `#!/bin/sh\nexec bwrap --dev-bind / / --seccomp 9 -- ${what} "$@" 9<'${filter}'\n`;
  const works = spawnSync('sh', ['-c', started('true')], { stdio: 'ignore' }).status === 0;
  if (!works) return program;
  writeFileSync(script, started(`'${program}'`));
  chmodSync(script, 0o755);
  return script;
}

/** A filter of system calls: no socket that tells of routes and interfaces can be made. To a program they never change. */
function refusing(socket: number): Buffer {
  return Buffer.concat([
    instruction(LOAD, AT.number),
    instruction(WHEN, socket, 0, 5),
    instruction(LOAD, AT.family),
    instruction(WHEN, AF_NETLINK, 0, 3),
    instruction(LOAD, AT.protocol),
    instruction(WHEN, NETLINK_ROUTE, 0, 1),
    instruction(RETURN, REFUSED),
    instruction(RETURN, ALLOWED),
  ]);
}

/** @param equal how many instructions are left out when the words are equal, `other` when not */
function instruction(code: number, value: number, equal = 0, other = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(equal, 2);
  bytes.writeUInt8(other, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}
