/** A session's hold on its sandbox: opened when it is first needed, kept between actions, and found anew after it was let go. */
import { KeyedLock } from '../keyed-lock.ts';
import { openSandbox } from '../sandbox/commands.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { type NoticeListener, SandboxLostError, type SandboxOwner, type SandboxSpec } from '../sandbox/transport.ts';
import { endProcesses } from './actions/end-processes.ts';
import type { EngineDeps } from './ports.ts';
import type { SessionState } from './state.ts';

export class Connection {
  readonly #deps: EngineDeps;
  readonly #owner: SandboxOwner;
  readonly #onLost: (sandboxUid: string, message: string) => void;
  readonly #onNotice: NoticeListener;
  /** Actions that need the sandbox at the same moment share one connection: a second one would shut the first out. */
  readonly #opening = new KeyedLock();
  #sandbox: Sandbox | undefined;
  #watch: Disposable | undefined;
  /** Why the sandbox in use is no more. */
  #lost: string | undefined;

  /** `onLost` is told when the sandbox goes although nothing is done in it, `onNotice` what it is waited for. */
  constructor(
    deps: EngineDeps,
    owner: SandboxOwner,
    onLost: (sandboxUid: string, message: string) => void,
    onNotice: NoticeListener,
  ) {
    this.#deps = deps;
    this.#owner = owner;
    this.#onLost = onLost;
    this.#onNotice = onNotice;
  }

  /**
   * The sandbox that the state knows, connected.
   * @throws SandboxLostError when it is gone or another is in its place; SandboxFencedError | SandboxUnavailableError
   */
  async open(state: SessionState, spec: SandboxSpec, epoch: number, signal: AbortSignal): Promise<Sandbox> {
    return await this.#opening.hold('sandbox', signal, () => this.#open(state, spec, epoch, signal));
  }

  async #open({ sandbox: known }: SessionState, spec: SandboxSpec, epoch: number, signal: AbortSignal): Promise<Sandbox> {
    // Known before anything is begun in it.
    if (this.#lost !== undefined) throw new SandboxLostError(this.#lost);
    if (this.#sandbox) return this.#sandbox;
    const type = known?.type ?? this.#deps.defaultSandboxType;
    const transport = this.#deps.transport(type);
    // Another kind takes its place, as after SANDBOX_TYPE was changed.
    if (!transport) throw new SandboxLostError(`this operator has no sandboxes of type ${type} any more`);
    const handle = await transport.find(this.#owner, spec, signal, this.#onNotice);
    if (!handle) throw new SandboxLostError('the sandbox is gone');
    if (handle.identity.uid !== known?.uid) throw new SandboxLostError('the sandbox was replaced by a new one');
    const sandbox = await openSandbox(handle, { epoch, signal });
    this.#use(sandbox);
    return sandbox;
  }

  /** Takes a sandbox into use, in place of the one before. */
  async adopt(sandbox: Sandbox): Promise<void> {
    await this.#sandbox?.close();
    this.#use(sandbox);
  }

  /** Lets it go; commands go on. */
  async forget(): Promise<void> {
    const sandbox = this.#sandbox;
    this.#use(undefined);
    await sandbox?.close();
  }

  #use(sandbox: Sandbox | undefined): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    this.#lost = undefined;
    this.#sandbox = sandbox;
    this.#watch = sandbox?.onLost?.((message) => {
      if (this.#sandbox !== sandbox) return;
      this.#lost = message;
      this.#onLost(sandbox.identity.uid, message);
    });
  }

  /** Lets it go, and ends what runs in it. */
  async endProcesses(state: SessionState): Promise<void> {
    await this.forget();
    await endProcesses(state, this.#owner, this.#deps);
  }
}
