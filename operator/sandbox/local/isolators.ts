/** Which way of isolating commands is used: the best one that works here, or the one that was asked for. */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { SandboxUnavailableError } from '../transport.ts';
import { BubblewrapIsolator } from './bubblewrap.ts';
import { commandPath } from './environment.ts';
import type { IsolationMethod, Isolator, SandboxPlace } from './isolation.ts';
import { NoIsolation } from './no-isolation.ts';
import { MarkedProcesses } from './processes.ts';
import { runningUsers, SecondUserIsolator } from './second-user.ts';
import type { FileOwner } from './tree.ts';

export type IsolatorOptions = {
  isolation: 'auto' | IsolationMethod;
  hidden: readonly string[];
  hostEnvironment: Readonly<Record<string, string | undefined>>;
  home: string;
  users?: { first: number; count: number };
  bubblewrap?: string;
};

export class Isolators {
  /** What may be used for a new sandbox, the best first. */
  readonly candidates: readonly IsolationMethod[];
  /** Numbers that users of sandboxes have. */
  readonly users: { first: number; count: number };
  readonly #wanted: 'auto' | IsolationMethod;
  readonly #marked = new MarkedProcesses();
  readonly #bubblewrap: BubblewrapIsolator;
  readonly #user: SecondUserIsolator;
  /** Whether bubblewrap works does not change while the operator runs. */
  #bubblewrapProblem: Promise<string | undefined> | undefined;
  readonly #problems = new Map<IsolationMethod, string>();

  constructor(options: IsolatorOptions, workspaceDir: string) {
    const hidden = [...options.hidden, join(workspaceDir, '.sandboxes')];
    this.#wanted = options.isolation;
    this.candidates = options.isolation === 'auto' ? ['bubblewrap', 'user', 'none'] : [options.isolation];
    this.users = options.users ?? { first: 52_000, count: 8000 };
    if (this.users.first < 1000)
      throw new RangeError(`user numbers of sandboxes begin at 1000 or above, not at ${this.users.first}`);
    this.#user = new SecondUserIsolator(hidden);
    this.#bubblewrap = new BubblewrapIsolator(
      {
        program: options.bubblewrap ?? 'bwrap',
        home: options.home,
        path: commandPath(options.hostEnvironment),
        workspaceDir,
        hidden,
      },
      this.#marked,
    );
    if (process.platform !== 'linux') {
      const linux = 'it needs Linux; run the system in a Linux container or virtual machine';
      this.#problems.set('bubblewrap', `bubblewrap isolates commands, and ${linux}`);
    }
    if (process.platform !== 'linux' || process.getuid?.() !== 0) {
      this.#problems.set('user', 'running commands as a user of their own needs Linux and root');
    }
  }

  of(method: IsolationMethod): Isolator {
    if (method === 'bubblewrap') return this.#bubblewrap;
    if (method === 'user') return this.#user;
    const why =
      this.#wanted === 'none'
        ? 'Isolation is switched off in the settings.'
        : `Nothing better works: ${[...this.#problems.values()].join('; ')}.`;
    return new NoIsolation(why, this.#marked);
  }

  /**
   * For a sandbox that was made with the method. Where it has a user of its own its files are that user's, and only a
   * method that has users can take the place of bubblewrap; otherwise only one that has none.
   * @throws SandboxUnavailableError
   */
  async forExisting(made: IsolationMethod, place: SandboxPlace): Promise<Isolator> {
    const others: readonly string[] = place.user ? ['user'] : ['bubblewrap', 'none'];
    const method = made !== 'user' && others.includes(this.#wanted) ? this.#wanted : made;
    if (method === 'auto') throw new TypeError('a sandbox is made with one method');
    const problem = await this.problem(method, place);
    if (!problem) return this.of(method);
    const instead = place.user ? 'user' : 'none';
    if (method === 'bubblewrap' && this.#wanted === 'auto' && !(await this.problem(instead, place))) return this.of(instead);
    throw new SandboxUnavailableError(
      'IsolationUnavailable',
      `the session's isolation (${method}) does not work now: ${problem}`,
      {
        permanent: false,
      },
    );
  }

  /** Why a method does not work on this machine, as far as that is known already. */
  knownProblem(method: IsolationMethod): string | undefined {
    return this.#problems.get(method);
  }

  /** Why a method does not work for the sandbox; undefined when it does. */
  async problem(method: IsolationMethod, place: SandboxPlace): Promise<string | undefined> {
    if (method === 'none') return undefined;
    if (method === 'bubblewrap') this.#bubblewrapProblem ??= this.#bubblewrap.problem(place);
    const problem =
      this.#problems.get(method) ?? (await (method === 'user' ? this.#user.problem(place) : this.#bubblewrapProblem));
    if (problem) this.#problems.set(method, problem);
    return problem;
  }

  /** Whether a new sandbox of the method gets a user of its own: always, where the operator may make users of numbers. */
  hasUser(method: IsolationMethod): boolean {
    return method === 'user' || (method === 'bubblewrap' && process.getuid?.() === 0);
  }

  /**
   * A user number that no sandbox of this workspace has; undefined when all are taken. Drawn by chance, and never one
   * that something runs under: another workspace on this machine, which nobody here knows of, draws from the same numbers.
   */
  freeUser(records: readonly { user?: FileOwner }[]): FileOwner | undefined {
    const { first, count } = this.users;
    const taken = new Set([...records.map(({ user }) => user?.uid), ...runningUsers()]);
    const start = randomInt(count);
    for (let index = 0; index < count; index++) {
      const uid = first + ((start + index) % count);
      if (!taken.has(uid)) return { uid, gid: uid };
    }
    return undefined;
  }
}
