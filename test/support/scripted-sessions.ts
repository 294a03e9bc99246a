/**
 * A scripted model for many sessions at once: it tells them apart by their goals. A session whose script says nothing of a
 * role gets what usually happens: a plan with one step, a greeting written to a file, an approving review.
 */
import { eventually } from './eventually.ts';
import type { ModelReply, SeenRequest } from './model-server.ts';

/** One reply for each turn of a conversation, the last again and again; or a look at the request. */
export type Turns = readonly ModelReply[] | ((request: SeenRequest) => ModelReply | Promise<ModelReply>);

export type Script = {
  /** Answers to the first requests, whoever asks; then the roles' own begin. */
  first?: ModelReply[];
  plan?: Turns;
  work?: Turns;
  review?: Turns;
  /** Awaited before every answer. */
  hold?: Gate;
};

export const CHECK = 'grep -q hello greeting.txt';

export const plan = (title = 'Greet', checks: string[] = [CHECK], steps = [{ id: 'a', title: 'Say hello' }]): ModelReply => ({
  calls: [{ name: 'submit_plan', args: { title, steps, checks } }],
});
export const bash = (command: string, more: Record<string, unknown> = {}): ModelReply => ({
  calls: [{ name: 'bash', args: { command, ...more } }],
});
export const write = (path: string, content: string): ModelReply => ({
  calls: [{ name: 'write_file', args: { path, content } }],
});
export const finish = (summary = 'Greets.'): ModelReply => ({ calls: [{ name: 'finish', args: { summary } }] });
export const approve = (summary = 'Good.'): ModelReply => ({
  calls: [{ name: 'submit_review', args: { verdict: 'approve', findings: [], summary } }],
});
export const greet: readonly ModelReply[] = [write('greeting.txt', 'hello\n'), finish()];

/** Lets a test stop a model at a place, and know that it is there. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();
  #waiting = 0;

  /** Waits until the gate is opened. */
  async pass(): Promise<void> {
    this.#waiting++;
    await this.#opened.promise;
  }

  open(): void {
    this.#opened.resolve();
  }

  /** Resolves when somebody is waiting. */
  async reached(): Promise<void> {
    await eventually('the model to be asked', () => this.#waiting > 0);
  }
}

export class ScriptedSessions {
  readonly #scripts = new Map<string, Script>();
  readonly #seen = new Map<string, SeenRequest[]>();

  /** Says how the model acts in the session with that goal, and returns the goal. */
  on(goal: string, script: Script = {}): string {
    this.#scripts.set(goal, { ...script, first: [...(script.first ?? [])] });
    return goal;
  }

  /** What was asked in the session with that goal, oldest first. */
  requests(goal: string): readonly SeenRequest[] {
    return this.#seen.get(goal) ?? [];
  }

  /** Results of the tools, as the model saw them in its latest conversation of that role. */
  results(goal: string, role: 'plan' | 'work' | 'review' = 'work'): string[] {
    const last = this.requests(goal).findLast((request) => roleOf(request) === role);
    return last ? [...last.results.values()] : [];
  }

  async answer(request: SeenRequest): Promise<ModelReply> {
    const opening = request.messages[0]?.text ?? '';
    const goal = [...this.#scripts.keys()].find((one) => opening.includes(one));
    const script = goal === undefined ? undefined : this.#scripts.get(goal);
    if (goal === undefined || !script) throw new Error(`no script for a session that begins: ${opening.slice(0, 200)}`);
    this.#seen.set(goal, [...this.requests(goal), request]);
    await script.hold?.pass();
    const first = script.first?.shift();
    if (first) return first;
    const role = roleOf(request);
    if (role === undefined) return { text: 'Try something else.' };
    const turns = script[role] ?? { plan: [plan()], work: greet, review: [approve()] }[role];
    return typeof turns === 'function' ? turns(request) : (turns[Math.min(request.turn, turns.length - 1)] ?? {});
  }
}

function roleOf(request: SeenRequest): 'plan' | 'work' | 'review' | undefined {
  if (request.tools.includes('submit_plan')) return 'plan';
  if (request.tools.includes('submit_review')) return 'review';
  return request.tools.includes('finish') ? 'work' : undefined;
}
