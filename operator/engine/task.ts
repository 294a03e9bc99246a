/**
 * One session at work: claims its log, folds it, and then decides and acts until nothing is left to do. Whatever happened
 * before a crash is found in the log and in the sandbox; nothing of importance lives in this object.
 *
 *   claim → read → fold → [ decide → record intent → act → record result ]* → release
 */
import { setMaxListeners } from 'node:events';
import type { AgentSession } from '../api/resources.ts';
import { describeError } from '../logger.ts';
import { SandboxFencedError } from '../sandbox/sandbox.ts';
import type { SandboxNotice, SandboxOwner } from '../sandbox/transport.ts';
import { sessionFields, withFields } from '../session-log.ts';
import { traceOf } from '../trace.ts';
import type { Action } from './action.ts';
import type { ActionContext } from './actions/context.ts';
import { endsSession } from './actions/end-processes.ts';
import { perform } from './actions/perform.ts';
import { Connection } from './connection.ts';
import { decide } from './decide.ts';
import type { EventBody } from './events.ts';
import { troubleOf } from './faults.ts';
import { fold } from './fold.ts';
import { type Intent, intentOf } from './intent.ts';
import { endsCommands, Interrupt, interruptedBy } from './interrupt.ts';
import { timeLeftMs } from './limits.ts';
import { type Claim, FencedError } from './log.ts';
import { checkMirror, claimSession, keepClaim, type Waiting } from './owning.ts';
import type { EngineDeps } from './ports.ts';
import { Recorder } from './recorder.ts';
import { NEVER } from './release.ts';
import { URGENT } from './session-tasks.ts';
import { Setbacks } from './setbacks.ts';
import { INITIAL_STATE, type SessionState } from './state.ts';
import { TextStore } from './text.ts';
import { limitTime } from './time-limit.ts';
import { Waits } from './waits.ts';

/** Why a task ended: nothing left to do until the object changes, told to, or not ours any more. */
export type TaskEnd = 'idle' | 'stopped' | 'lost';

/** After the end of the working time, so that it is over by any clock. */
const TIME_SLACK_MS = 10;

export class SessionTask {
  readonly #deps: EngineDeps;
  readonly #onChange: (urgent: boolean) => void;
  readonly #owner: SandboxOwner;
  readonly #texts: TextStore;
  readonly #stop = new AbortController();
  #session: AgentSession;
  #hold: Waiting | undefined;
  /** Whether it was ever ours. */
  #owned = false;
  #state: SessionState = INITIAL_STATE;
  #observed = 0;
  /** When this owner began, in ms since 1970. */
  #since = 0;
  readonly #waits: Waits;
  readonly #connection: Connection;
  readonly #setbacks: Setbacks;
  #seen = { conversation: '', files: new Map<string, string>() };
  /** Once the session is ours. */
  #recorder: Recorder | undefined;
  /** Aborts the running action; renewed for each. */
  #action = new AbortController();
  #doing: Action['do'] | undefined;
  /** Looks anew at how long the running action may take. */
  #limitChanged: () => void = () => undefined;
  readonly ended: Promise<TaskEnd>;

  /** @param hold why it must not be claimed before `update` says otherwise */
  constructor(session: AgentSession, deps: EngineDeps, onChange: (urgent: boolean) => void, hold?: Waiting) {
    this.#session = session;
    this.#hold = hold;
    this.#deps = { ...deps, logger: withFields(deps.logger, sessionFields(session.metadata)) };
    this.#onChange = onChange;
    const trace = traceOf(session.metadata);
    this.#owner = {
      uid: session.metadata.uid ?? '',
      name: session.metadata.name,
      namespace: session.metadata.namespace ?? 'default',
      ...(trace !== undefined && { trace }),
    };
    this.#waits = new Waits(this.#stop.signal, () => onChange(true));
    this.#connection = new Connection(
      this.#deps,
      this.#owner,
      (uid, message) => this.#sandboxGone(uid, message),
      (notice) => this.#waitForSandbox(notice),
    );
    this.#setbacks = new Setbacks(this.#deps, this.#connection, this.#waits);
    this.#texts = new TextStore(deps.blobs, this.#owner.uid, {
      signal: this.#stop.signal,
      tell: (message) => this.#waits.show(message === undefined ? undefined : { reason: 'StorageUnavailable', message }),
    });
    setMaxListeners(0, this.#stop.signal);
    this.ended = this.#run();
  }

  /** As far as it is on disk. */
  get state(): SessionState {
    return this.#state;
  }

  get waiting(): Waiting | undefined {
    return this.#waits.shown;
  }

  /** Whether the session is, or was, this task's own, and not somebody else's. */
  get owned(): boolean {
    return this.#owned;
  }

  /** Whether it is the sandbox that is waited for. */
  get waitsForSandbox(): boolean {
    return this.#waits.about === 'sandbox';
  }

  /** The generation of the object up to which everything was taken into account. */
  get observedGeneration(): number {
    return this.#observed;
  }

  /** Gives the task the newest object; what it asks for may interrupt what runs. `hold`: as for the constructor. */
  update(session: AgentSession, hold?: Waiting): void {
    const before = this.#session;
    this.#session = session;
    this.#hold = hold;
    this.#waits.changed();
    this.#limitChanged();
    const kind = interruptedBy(before, session, this.#doing);
    if (kind) this.#action.abort(new Interrupt(kind));
  }

  /** Ends the task. `stopping` and `deleted` end running commands; `released` leaves them. Await `ended`. */
  stop(kind: 'stopping' | 'deleted' | 'released'): void {
    this.#stop.abort(new Interrupt(kind));
    this.#action.abort(new Interrupt(kind));
    this.#waits.changed();
  }

  async #run(): Promise<TaskEnd> {
    const { log, logger } = this.#deps;
    try {
      const claim = await claimSession(this.#deps, {
        session: () => this.#session,
        hold: () => this.#hold,
        watch: () => this.#waits.watch(),
        during: (ms) => this.#waits.during(ms),
        tell: (waiting) => this.#waits.show(waiting),
        signal: this.#stop.signal,
      });
      if (!claim) {
        this.#observed = this.#session.metadata.generation ?? 0;
        return 'idle';
      }
      this.#owned = true;
      this.#since = this.#deps.now();
      const renewing = keepClaim(claim, this.#deps, () => {
        this.#stop.abort(new Interrupt('fenced'));
        this.#action.abort(new Interrupt('fenced'));
      });
      try {
        const state = fold(await log.read(claim.uid, 0));
        checkMirror(state, this.#session);
        this.#state = state;
        this.#onChange(true);
        return await this.#work(claim, state);
      } finally {
        renewing[Symbol.dispose]();
        await this.#letGo(claim);
      }
    } catch (error) {
      if (this.#stop.signal.aborted) return 'stopped';
      if (error instanceof FencedError || error instanceof SandboxFencedError) {
        logger.warn('another operator works on the session now');
        return 'lost';
      }
      logger.error('the session cannot go on here', { error: describeError(error) });
      this.#waits.show({ reason: troubleOf(error), message: describeError(error) });
      return 'lost';
    }
  }

  /** What cannot be given back runs out by itself. */
  async #letGo(claim: Claim): Promise<void> {
    // What an ended task still shows does without the conversation; whoever goes on with it reads the log.
    this.#texts.forget();
    if (this.#state.conversation) this.#state = { ...this.#state, conversation: undefined };
    const released = await Promise.allSettled([this.#connection.forget(), this.#deps.log.release(claim)]);
    for (const one of released) {
      if (one.status === 'rejected') this.#deps.logger.warn('cannot let go of the session', { error: describeError(one.reason) });
    }
  }

  async #work(claim: Claim, loaded: SessionState): Promise<TaskEnd> {
    const recorder = new Recorder({
      log: this.#deps.log,
      claim,
      state: loaded,
      logger: this.#deps.logger,
      now: this.#deps.now,
      onStored: (events, state) => {
        this.#deps.observer?.stored(this.#session, events, this.#state, state);
        this.#state = state;
        this.#onChange(events.some((event) => URGENT.has(event.type)));
      },
      onUnavailable: (message) => this.#waits.show(message === undefined ? undefined : { reason: 'LogUnavailable', message }),
    });
    this.#recorder = recorder;
    const flush = () => recorder.flush(this.#stop.signal);
    for (;;) {
      if (this.#stop.signal.aborted) {
        if (endsCommands(this.#stop.signal.reason)) await recorder.flush(AbortSignal.timeout(2_000));
        return 'stopped';
      }
      this.#waits.watch();
      const session = this.#session;
      const intent = this.#intent(session);
      const action = decide(recorder.state, intent);
      this.#observed = session.metadata.generation ?? 0;
      if (action.do === 'idle') {
        await flush();
        if (session !== this.#session) continue;
        this.#waits.show(undefined);
        this.#onChange(true);
        return 'idle';
      }
      if (action.do === 'record') {
        if (endsSession(action.events)) await this.#connection.endProcesses(recorder.state);
        recorder.emit(...action.events);
        continue;
      }
      this.#action = new AbortController();
      setMaxListeners(0, this.#action.signal);
      if (action.do === 'wait') {
        await flush();
        await this.#pause(action, intent.now, timeLeftMs(recorder.state, intent));
        continue;
      }
      await this.#act(action, intent, recorder, claim.epoch);
    }
  }

  /**
   * The sandbox went while the model thinks: its answer finds a new one. Whatever else is being done meets the loss itself,
   * and says what it means.
   */
  #sandboxGone(sandboxUid: string, message: string): void {
    const recorder = this.#recorder;
    if (!recorder || this.#doing !== 'call-model' || this.#stop.signal.aborted) return;
    const { sandbox, sandboxLost } = recorder.state;
    if (sandbox?.uid !== sandboxUid || sandboxLost !== undefined) return;
    recorder.emit({ type: 'sandbox.lost', sandboxUid, message });
    // Nothing waits for this write; the next flush reports its failure.
    recorder.flush(this.#stop.signal).catch(() => undefined);
  }

  /** What else is waited for meanwhile is not for the sandbox to end. */
  #waitForSandbox(notice: SandboxNotice | undefined): void {
    if (notice || this.waitsForSandbox) this.#waits.show(notice, 'sandbox');
  }

  #intent(session: AgentSession): Intent {
    const { models, now, releaseAfter } = this.#deps;
    const chain = (role: 'planner' | 'programmer' | 'reviewer') => models.chain(session, role);
    const profiles = { planner: chain('planner'), programmer: chain('programmer'), reviewer: chain('reviewer') };
    return intentOf(session, profiles, now(), this.#since, this.#setbacks.keepsSandbox ? NEVER : releaseAfter);
  }

  /** Files that were seen in a conversation; those of an earlier one are forgotten. */
  #seenIn(conversation: string): Map<string, string> {
    if (this.#seen.conversation !== conversation) this.#seen = { conversation, files: new Map() };
    return this.#seen.files;
  }

  async #act(action: Action, intent: Intent, recorder: Recorder, epoch: number): Promise<void> {
    const seen = () => this.#seenIn(recorder.state.conversation?.id ?? '');
    const context: ActionContext = {
      deps: this.#deps,
      session: this.#session,
      owner: this.#owner,
      intent,
      texts: this.#texts,
      signal: this.#action.signal,
      get seen() {
        return seen();
      },
      epoch,
      get state() {
        return recorder.state;
      },
      emit: (...events: EventBody[]) => recorder.emit(...events),
      flush: () => recorder.flush(this.#stop.signal),
      show: (waiting) => this.#waitForSandbox(waiting),
      sandbox: () => this.#connection.open(recorder.state, this.#session.spec.sandbox ?? {}, epoch, this.#action.signal),
      adopt: (sandbox) => this.#connection.adopt(sandbox),
      forget: () => this.#connection.forget(),
    };
    using limit = limitTime(
      () => timeLeftMs(recorder.state, this.#intent(this.#session)) + TIME_SLACK_MS,
      () => this.#action.abort(new Interrupt('time-limit')),
    );
    this.#limitChanged = limit.again;
    this.#doing = action.do;
    try {
      await perform(action, context);
      this.#setbacks.overcome(action);
      this.#waits.show(undefined);
    } catch (error) {
      await this.#setbacks.meet(error, { action, recorder, intent, signal: this.#action.signal });
    } finally {
      this.#doing = undefined;
      this.#limitChanged = () => undefined;
    }
  }

  async #pause(action: Action & { do: 'wait' }, now: number, timeLeft: number): Promise<void> {
    this.#waits.show({ reason: action.reason, message: action.message, retryAt: action.until });
    await this.#waits.during(Math.min(Math.max(0, action.until - now), timeLeft + TIME_SLACK_MS));
    this.#waits.show(undefined);
  }
}
