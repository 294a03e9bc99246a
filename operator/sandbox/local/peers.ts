/**
 * Whether a connection from this machine was opened by a command of a sandbox. Sandboxes share the network with the
 * operator, so that whoever trusts what comes from this machine has to ask (Linux; elsewhere it cannot be told).
 *
 * A sandbox with a user of its own is known by its number, which every socket carries from its making to its end. One
 * that has the operator's own user is told from the user's browser by the process that has the socket open. There a
 * socket can be hidden from every look (on its way through a Unix socket, in a ring of io_uring), so under bubblewrap it
 * counts as the sandbox's until a process outside is seen with it.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { pause } from '../deadline.ts';
import type { IsolationMethod } from './isolation.ts';
import { identify, MARK, type ProcessId } from './processes.ts';
import { SocketOwners } from './socket-owners.ts';
import { findTcpSocket, type TcpEnd, type TcpSocket } from './tcp-table.ts';

/** What tells the processes of one sandbox from all others. */
export type Occupant = {
  sandboxUid: string;
  method: IsolationMethod;
  /** Number of the user of its own, where it has one. */
  user?: number;
  /** The process above all others; absent when nothing runs in the sandbox. */
  runner?: ProcessId;
};

export type Connection = { peer: TcpEnd; own: TcpEnd };

export type PeersOptions = {
  /** Every sandbox that there is. Asked at each connection: it must be quick. */
  occupants(): Iterable<Occupant>;
  /** Numbers that only sandboxes have as users. */
  users: { first: number; count: number };
};

/** A table is read while it changes: what is not found is looked for again, after so many ms. */
const LOOK_AGAIN_MS = [1, 5];
/** Parents that end while a line of ancestors is followed are met at most so often. */
const MAX_STEPS = 200;

export class Peers {
  readonly #options: PeersOptions;
  readonly #owners = new SocketOwners();

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** Why the connection is not to be served, in words for whoever opened it; undefined when it may be. */
  async refusal({ peer, own }: Connection): Promise<string | undefined> {
    if (process.platform !== 'linux') return undefined;
    const occupants = [...this.#options.occupants()].filter(({ runner }) => runner !== undefined);
    if (occupants.length === 0) return undefined;
    const socket = await this.#socket(peer, own);
    if (!socket) return isLocal(peer.address, own.address) ? GIVEN_UP : undefined;
    if (socket.inode === '0') return GIVEN_UP;
    const { first, count } = this.#options.users;
    if (process.geteuid?.() === 0 && socket.uid >= first && socket.uid < first + count) return SANDBOXED;
    // A sandbox cannot make itself another user: bubblewrap rules that out, and users of their own are no one else's.
    if (socket.uid !== process.geteuid?.()) return undefined;
    return this.#byOwner(
      socket,
      () => findTcpSocket(peer, own),
      occupants.filter(({ user }) => user === undefined),
    );
  }

  /** `again` reads the table of sockets anew: whose owner is not seen may just have ended, and its socket with it. */
  async #byOwner(
    socket: TcpSocket,
    again: () => TcpSocket | undefined,
    occupants: readonly Occupant[],
  ): Promise<string | undefined> {
    const strict = occupants.some(
      ({ method, runner }) => method === 'bubblewrap' && runner && identify(runner.pid)?.start === runner.start,
    );
    const open = occupants.some(({ method }) => method === 'none');
    if (!strict && !open) return undefined;
    for (const ms of LOOK_AGAIN_MS) {
      const owner = await this.#owners.find(socket.inode);
      const where = owner === undefined ? 'gone' : belonging(owner, occupants);
      if (where === 'sandbox') return SANDBOXED;
      if (where === 'elsewhere') return undefined;
      if (strict) return UNSEEN;
      await pause(ms);
      if (again()?.inode !== socket.inode) return GIVEN_UP;
    }
    return undefined;
  }

  async #socket(peer: TcpEnd, own: TcpEnd): Promise<TcpSocket | undefined> {
    const found = findTcpSocket(peer, own);
    if (found || !isLocal(peer.address, own.address)) return found;
    for (const ms of LOOK_AGAIN_MS) {
      await pause(ms);
      const again = findTcpSocket(peer, own);
      if (again) return again;
    }
    return undefined;
  }
}

const SANDBOXED =
  'This connection was opened by a command that runs in the sandbox of a session, and such commands may not use this API.';
const GIVEN_UP =
  'The program that opened this connection had given it up before it could be told which one it was. Keep the connection open until the answer has come.';
const UNSEEN =
  "While commands of a session run here as the server's own user, a connection from this machine is taken only from a program that can be seen, and the one behind this connection cannot (as with ssh port forwarding). Start the server with API_TOKEN set and send the token.";

/** Follows the line of ancestors: under bubblewrap it always ends in the runner; without isolation the mark helps. */
function belonging(pid: number, occupants: readonly Occupant[]): 'sandbox' | 'elsewhere' | 'gone' {
  const runners = new Map(occupants.flatMap(({ runner }) => (runner ? [[runner.pid, runner.start]] : [])));
  const marks = new Set(occupants.map(({ sandboxUid }) => sandboxUid));
  let at = pid;
  for (let steps = 0; steps < MAX_STEPS && at > 1; steps++) {
    const start = runners.get(at);
    if (start !== undefined && identify(at)?.start === start) return 'sandbox';
    if (marks.has(markOf(at) ?? '')) return 'sandbox';
    const parent = parentOf(at);
    if (parent === undefined) {
      // Its children have another parent now.
      if (at === pid) return 'gone';
      at = pid;
    } else at = parent;
  }
  return at > 1 || ending(pid) ? 'gone' : 'elsewhere';
}

/** A process loses its program and its environment, the mark with it, before its sockets close. */
function ending(pid: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function markOf(pid: number): string | undefined {
  try {
    return new RegExp(`(?:^|\0)${MARK}=([^\0]*)`).exec(readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}

function isLocal(address: string, own: string): boolean {
  const plain = address.replace(/^::ffff:/i, '');
  if (plain === own.replace(/^::ffff:/i, '') || /^127\./.test(plain) || plain === '::1') return true;
  return Object.values(networkInterfaces()).some((one) => one?.some((each) => each.address === plain));
}
