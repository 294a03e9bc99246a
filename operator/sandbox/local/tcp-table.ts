/** The TCP sockets of this machine's network (Linux): which user and which open file a connection's other end belongs to. */
import { closeSync, openSync, readSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { endianness } from 'node:os';

/** One end of a connection, as node:net names it: `127.0.0.1`, `::1` or `::ffff:127.0.0.1`. */
export type TcpEnd = { address: string; port: number };

/** `inode` names the socket in /proc/<pid>/fd; '0' when no process has it open any more. */
export type TcpSocket = { uid: number; inode: string };

/** Where the kernel shows them. */
export const TCP_TABLES = { v4: '/proc/net/tcp', v6: '/proc/net/tcp6' } as const;

const LITTLE = endianness() === 'LE';
/** The words of ::ffff:0:0/96, the IPv4 addresses among those of IPv6. */
const MAPPED = `${'0'.repeat(16)}${LITTLE ? 'FFFF0000' : '0000FFFF'}`;

/**
 * The socket whose own end is `local`; undefined when this machine's network has none, as for a connection from another
 * machine or container. An IPv4 connection may have been opened by a socket of either family.
 */
export function findTcpSocket(
  local: TcpEnd,
  remote: TcpEnd,
  tables: { v4: string; v6: string } = TCP_TABLES,
): TcpSocket | undefined {
  const [from, to] = [hexAddress(local.address), hexAddress(remote.address)];
  const pair = (prefix: string) => ` ${prefix}${from}:${hexPort(local.port)} ${prefix}${to}:${hexPort(remote.port)} `;
  if (from.length !== to.length) return undefined;
  if (from.length > 8) return socketOf(tables.v6, pair(''));
  return socketOf(tables.v4, pair('')) ?? socketOf(tables.v6, pair(MAPPED));
}

function socketOf(table: string, ends: string): TcpSocket | undefined {
  for (const lines of linesOf(table)) {
    const at = lines.indexOf(ends);
    if (at < 0) continue;
    // st, tx_queue:rx_queue, tr:tm->when, retrnsmt, uid, timeout, inode
    const fields = lines.slice(at + ends.length, at + ends.length + 120).split(/ +/);
    return { uid: Number(fields[4]), inode: fields[6] ?? '0' };
  }
  return undefined;
}

const CHUNK = Buffer.allocUnsafe(1 << 16);

/**
 * The table, some whole lines at a time: the kernel goes through all its places for sockets as it is read, which takes it
 * a millisecond or two, and nobody needs what comes after the line that is looked for.
 */
function* linesOf(path: string): Generator<string> {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    // Absent where the kernel has no IPv6.
    return;
  }
  try {
    let rest = '';
    for (let length = readSync(file, CHUNK); length > 0; length = readSync(file, CHUNK)) {
      const text = rest + CHUNK.toString('latin1', 0, length);
      const end = text.lastIndexOf('\n') + 1;
      rest = text.slice(end);
      yield text.slice(0, end);
    }
    yield rest;
  } finally {
    closeSync(file);
  }
}

/** As the kernel prints it: 32 bits at a time, each as the number that the machine makes of its bytes. */
function hexAddress(address: string): string {
  return Buffer.from(bytesOf(address))
    .toString('hex')
    .toUpperCase()
    .replace(/(..)(..)(..)(..)/g, LITTLE ? '$4$3$2$1' : '$1$2$3$4');
}

function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}

function bytesOf(address: string): number[] {
  const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(plain)) return plain.split('.').map(Number);
  const [head = '', tail] = plain.split('::').map((part) => part);
  const left = groups(head);
  const right = groups(tail ?? '');
  return [...left, ...new Array<number>(Math.max(0, 16 - left.length - right.length)).fill(0), ...right];
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
