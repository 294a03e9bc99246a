/** The engine as the controllers see it, without effects: real decisions and a real fold over events that a test makes happen. */
import type { AgentSession, Phase } from '../../operator/api/resources.ts';
import { intentOf } from '../../operator/engine/intent.ts';
import { NEVER, type ReleaseTimes } from '../../operator/engine/release.ts';
import type { SessionKey, SessionTasks, SessionView } from '../../operator/engine/session-tasks.ts';
import { INITIAL_STATE } from '../../operator/engine/state.ts';
import type { SandboxType } from '../../operator/sandbox/transport.ts';
import { SessionScript } from './session-script.ts';

type Task = {
  key: SessionKey;
  script: SessionScript;
  running: boolean;
  unclaimed: boolean;
  waiting: SessionView['waiting'];
  generation: number;
};

const PROFILES = { planner: ['main'], programmer: ['main'], reviewer: ['main'] };

export class ScriptedTasks implements SessionTasks {
  /** Objects that were given, in order. */
  readonly ensured: AgentSession[] = [];
  readonly cleaned: string[] = [];
  /** Whose logs are gone. */
  readonly forgotten: string[] = [];
  /** Does what a removal does; a test may let it take long or fail. */
  removal: (session: AgentSession, signal: AbortSignal) => Promise<void> = async () => undefined;
  sandboxType: SandboxType = 'local';
  /** After what rest sandboxes are given back. */
  release: ReleaseTimes = NEVER;
  /** Whether giving back comes to an end. */
  releases = true;
  readonly #logs: Map<string, SessionScript>;
  readonly #tasks = new Map<string, Task>();
  readonly #listeners: ((key: SessionKey, urgent: boolean) => void)[] = [];

  /** `logs` outlive the operator: given to another one they are where its sessions go on. */
  constructor(logs: Map<string, SessionScript> = new Map()) {
    this.#logs = logs;
  }

  view(uid: string): SessionView | undefined {
    const task = this.#tasks.get(uid);
    if (!task) return undefined;
    const { script, running, unclaimed, waiting, generation } = task;
    return { state: unclaimed ? INITIAL_STATE : script.state, running, unclaimed, waiting, observedGeneration: generation };
  }

  ensure(session: AgentSession, hold?: { reason: string; message: string }): void {
    const { uid = '', name, namespace = '', generation = 0 } = session.metadata;
    if (hold) {
      this.#follow({ uid, name, namespace }, hold);
      return;
    }
    this.ensured.push(session);
    const script = this.#logs.get(uid) ?? new SessionScript();
    this.#logs.set(uid, script);
    script.sandboxType = this.sandboxType;
    const task = { key: { uid, name, namespace }, script, running: true, unclaimed: false, waiting: undefined, generation };
    this.#tasks.set(uid, task);
    queueMicrotask(() => {
      // Whoever hands in a session at rest has looked at the time.
      const { now, since } = script.intent;
      const rested = Math.max(this.release.finishedMs, this.release.waitingMs);
      script.wants(intentOf(session, PROFILES, now + rested, since, this.release));
      this.#settle(task);
    });
  }

  /** Has a session taken by another operator, or given back by it. */
  elsewhere(uid: string, taken: boolean): void {
    const task = this.#task(uid);
    task.unclaimed = true;
    task.waiting = taken ? { reason: 'Claimed', message: 'another operator has it' } : undefined;
    this.#tell(task, true);
  }

  /** Of a session that must not be taken only whether somebody else has it is known. */
  #follow(key: SessionKey, hold: { reason: string; message: string }): void {
    const { uid } = key;
    const known = this.#tasks.get(uid);
    if (known?.waiting?.reason === 'Claimed' || known?.waiting?.reason === hold.reason) return;
    const script = this.#logs.get(uid) ?? new SessionScript();
    const task = { key, script, running: true, unclaimed: true, waiting: hold, generation: 0 };
    this.#tasks.set(uid, task);
    queueMicrotask(() => this.#tell(task, true));
  }

  async stop(uid: string): Promise<void> {
    const task = this.#tasks.get(uid);
    if (task) task.running = false;
  }

  async cleanup(session: AgentSession, signal: AbortSignal): Promise<void> {
    const { uid = '' } = session.metadata;
    await this.stop(uid);
    this.cleaned.push(uid);
    await this.removal(session, signal);
    await this.forget(uid);
  }

  async forget(uid: string): Promise<void> {
    this.forgotten.push(uid);
    this.#tasks.delete(uid);
    this.#logs.delete(uid);
  }

  onChange(listener: (key: SessionKey, urgent: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** UIDs of the sessions that are at work. */
  get running(): string[] {
    return [...this.#tasks].filter(([, { running, unclaimed }]) => running && !unclaimed).map(([uid]) => uid);
  }

  /** Lets a session work until it comes to a phase. */
  until(uid: string, phase: Phase): void {
    const task = this.#task(uid);
    task.script.until(phase);
    this.#settle(task);
  }

  /** Lets a session do steps that change nothing but counters and log lines. */
  work(uid: string, steps: number): void {
    const task = this.#task(uid);
    for (let step = 0; step < steps; step++) {
      if (task.script.next().do === 'open-conversation') task.script.go();
      task.script.go([{ name: 'bash', args: { command: `echo ${task.script.state.steps}` } }]);
      task.script.go();
      this.#tell(task, false);
    }
  }

  /** Has a session wait for something outside, or not any more; `ended`: its task gave up. */
  trouble(uid: string, waiting: SessionView['waiting'], ended = false): void {
    const task = this.#task(uid);
    task.waiting = waiting;
    if (ended) task.running = false;
    this.#tell(task, true);
  }

  #settle(task: Task): void {
    const { script } = task;
    if (script.next().do === 'release') {
      if (script.state.sandboxReleased !== 'begun') script.happen({ type: 'sandbox.releasing', message: 'It rests.' });
      if (this.releases) script.happen({ type: 'sandbox.released', message: 'It rests.' });
      task.running = !this.releases;
    } else if (script.next().do === 'idle') task.running = false;
    this.#tell(task, true);
  }

  #tell(task: Task, urgent: boolean): void {
    for (const listener of this.#listeners) listener(task.key, urgent);
  }

  #task(uid: string): Task {
    const task = this.#tasks.get(uid);
    if (!task) throw new Error(`session ${uid} was never given to the engine`);
    return task;
  }
}
