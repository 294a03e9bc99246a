/** How commands are kept from what is the operator's. One of these starts the runner of every sandbox. */
import type { Isolation } from '../transport.ts';
import type { ProcessId } from './processes.ts';
import type { FileOwner } from './tree.ts';

export type IsolationMethod = 'bubblewrap' | 'user' | 'none';

/** What a method needs to know of one sandbox. */
export type SandboxPlace = {
  /** Absolute, without symbolic links. */
  root: string;
  /** The file in it that proves whose it is; commands must not change it where that can be had. */
  marker: string;
  sandboxUid: string;
  /** The user of its own, where the method has one. */
  user?: FileOwner;
};

/** A program with arguments that becomes the runner. `infoFd`: it writes {"child-pid": n} there. */
export type RunnerStart = {
  file: string;
  args: string[];
  env: Readonly<Record<string, string>>;
  user?: FileOwner;
  infoFd?: boolean;
};

export interface Isolator {
  readonly isolation: Isolation;
  /** @param shell the program and arguments to run inside; @param env the environment of commands. */
  start(place: SandboxPlace, shell: readonly string[], env: Readonly<Record<string, string>>): RunnerStart;
  /** Ends every process of the sandbox at once. `runner`: what was recorded when it was started. @returns false when some resist. */
  endProcesses(place: SandboxPlace, runner: ProcessId | undefined): Promise<boolean>;
}
