import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { itWithKubectl } from '../support/requirements.ts';
import { type Housed, SANDBOX_KINDS } from '../support/sandbox-kinds.ts';
import { bash, CHECK, Gate, greet, plan, write } from '../support/scripted-sessions.ts';
import type { System } from '../support/system.ts';

const withKubectl = itWithKubectl();
const MAX_BYTES = 32 * 1024;

type Status = {
  phase: string;
  plan: { steps: { title: string }[] };
  recentLogs?: string[];
  conditions: { type: string }[];
  result?: { branch: string; commit: string; summary: string; verified: boolean; evidence: { exitCode: number }[] };
};

describe.each(SANDBOX_KINDS)('the status of a session that says as much as it can, with commands in $name,', (kind) => {
  let housed: Housed;
  let system: System;
  beforeAll(async () => {
    housed = await kind.start();
    ({ system } = housed);
  });
  afterAll(() => housed.close());

  async function statusOf(id: string): Promise<{ status: Status; bytes: number }> {
    const { code, out, err } = await system.kubectl(['get', 'ags', id, '-o', 'json']);
    if (code !== 0) throw new Error(err);
    const { status } = JSON.parse(out) as { status: Status };
    return { status, bytes: Buffer.byteLength(JSON.stringify(status)) };
  }

  withKubectl('stays below 32 KiB while it works and when it is done, and still tells the outcome', async () => {
    const text = (length: number) => '好'.repeat(length);
    const steps = Array.from({ length: 30 }, (_, index) => ({ id: `step-${index}`.padEnd(63, 'x'), title: text(200) }));
    const hold = new Gate();
    const [first = write('greeting.txt', 'hello\n')] = greet;
    const goal = system.model.on('Greet at great length', {
      plan: [plan(text(70), [CHECK], steps)],
      work: async ({ turn }) => {
        if (turn === 0) return bash(`for i in $(seq 30); do echo "${text(300)}"; done`);
        if (turn === 1) return first;
        await hold.pass();
        return { calls: [{ name: 'finish', args: { summary: text(16_000) } }] };
      },
      review: [{ calls: [{ name: 'submit_review', args: { verdict: 'approve', findings: [], summary: text(4_000) } }] }],
    });
    const verify = Array.from({ length: 16 }, (_, index) => `${CHECK} # ${index} ${text(980)}`);
    const id = await system.session(goal, await system.repository('greeter'), { verify });

    await hold.reached();
    const working = await eventually('a status that shows the plan', async () => {
      const now = await statusOf(id);
      return now.status.plan ? now : undefined;
    });
    expect(working.bytes).toBeLessThanOrEqual(MAX_BYTES);
    expect(working.status.plan.steps.map(({ title }) => title.length)).toEqual(steps.map(() => 200));

    hold.open();
    const done = await system.completed(id);
    const { status, bytes } = await statusOf(id);
    expect(bytes).toBeLessThanOrEqual(MAX_BYTES);
    // It would not fit whole: something was given up, and not more than needed.
    expect(bytes).toBeGreaterThan(MAX_BYTES / 2);
    expect(status).toMatchObject({ phase: 'Completed', result: { commit: done.result.commit, verified: true } });
    expect(status.result?.branch).toBe(done.result.branch);
    expect(status.plan.steps).toHaveLength(30);
    expect(status.conditions).toHaveLength(7);
    // What the status had to give up is in the log.
    expect(status.result?.evidence.length).toBeLessThan(verify.length);
    for (const [index] of verify.entries()) {
      const check = `${CHECK} # ${index} 好`;
      expect(done.logs).toContainEqual(expect.stringContaining(check));
    }
  });
});
