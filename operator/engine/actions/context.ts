/** What an action gets to do its work. */
import type { AgentSession } from '../../api/resources.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import type { SandboxOwner } from '../../sandbox/transport.ts';
import type { EventBody } from '../events.ts';
import type { Intent } from '../intent.ts';
import type { EngineDeps } from '../ports.ts';
import type { SessionState } from '../state.ts';
import type { TextStore } from '../text.ts';

export interface ActionContext {
  readonly deps: EngineDeps;
  readonly session: AgentSession;
  readonly owner: SandboxOwner;
  /** Of this owner's claim; a sandbox that has seen it refuses every earlier owner. */
  readonly epoch: number;
  readonly intent: Intent;
  readonly state: SessionState;
  readonly texts: TextStore;
  /** Aborts with an Interrupt. */
  readonly signal: AbortSignal;
  emit(...events: EventBody[]): void;
  /** Resolves once everything emitted is on disk. */
  flush(): Promise<void>;
  /** Shows to the user what the sandbox is waited for, until it is waited for no more or the action ends. */
  show(waiting: { reason: string; message: string } | undefined): void;
  /** The session's sandbox, connected. @throws SandboxLostError | SandboxUnavailableError */
  sandbox(): Promise<Sandbox>;
  /** Takes a sandbox into use, in place of one that was lost. */
  adopt(sandbox: Sandbox): Promise<void>;
  /** Gives up the connection; the next use of the sandbox finds it anew. */
  forget(): Promise<void>;
  /** Files the model has seen in the current conversation, by path, with the hash of what it saw. */
  readonly seen: Map<string, string>;
}
