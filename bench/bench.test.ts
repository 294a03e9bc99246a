import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { stepTimes } from './scripted-model.ts';
import { percentile, summary } from './statistics.ts';
import { table } from './table.ts';
import { commandOf, goalOf, thinkingOf, workloadIn } from './workload.ts';

const run = promisify(execFile);
const main = join(import.meta.dirname, 'main.ts');

describe('the benchmark', () => {
  it('takes percentiles by the nearest rank', () => {
    const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(summary(samples)).toEqual({ count: 100, p50: 50, p95: 95 });
    expect(percentile([7], 0.95)).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });

  it('counts a step from an answer to the next request of the same session', () => {
    const exchange = { id: 'a', role: 'programmer' as const, bytes: 1 };
    const exchanges = [
      { ...exchange, call: 1, receivedAt: 27, answeredAt: 30 },
      { ...exchange, call: 0, receivedAt: 10, answeredAt: 20 },
      { ...exchange, id: 'b', call: 1, receivedAt: 21, answeredAt: 22 },
      { ...exchange, role: 'reviewer' as const, call: 0, receivedAt: 99, answeredAt: 100 },
      { ...exchange, call: 2, receivedAt: 35, answeredAt: 36 },
    ];
    expect(stepTimes(exchanges, 'a')).toEqual([7, 5]);
  });

  it('says in the goal what the model shall have the agent do', async () => {
    const workload = { id: 'w1x1', steps: 50, bytes: 7_000, thinkMs: 2_000, hold: -1 };
    expect(workloadIn(JSON.stringify({ text: goalOf(workload) }))).toEqual(workload);
    expect(workloadIn('no benchmark')).toBeUndefined();
    expect(thinkingOf(workload, 3)).toBe(thinkingOf(workload, 3));
    expect(thinkingOf(workload, 3)).not.toBe(thinkingOf(workload, 4));
    for (const bytes of [10, 1_000, 7_000]) {
      const command = commandOf({ ...workload, bytes }, 4);
      expect(command).not.toBe(commandOf({ ...workload, bytes }, 5));
      expect((await run('sh', ['-c', command])).stdout).toHaveLength(bytes);
    }
  });

  it('prints tables whose columns stand below each other', () => {
    expect(
      table(
        ['', 'ms'],
        [
          ['long name', '1'],
          ['x', '22.5'],
        ],
      ),
    ).toBe(['               ms', '  ─────────  ────', '  long name     1', '  x          22.5'].join('\n'));
  });

  it('measures the part that is asked for and names the figures that come from elsewhere', async () => {
    const { stdout } = await run(process.execPath, [main, '--quick', '--only', 'append']);
    expect(stdout).toMatch(/with fsync +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+/);
    expect(stdout).toMatch(/without fsync +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+/);
    expect(stdout).toContain('MEASURED ELSEWHERE');
  });

  it('refuses a part that there is none of, and says which there are', async () => {
    const refused = run(process.execPath, [main, '--only', 'speed']);
    await expect(refused).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('there is no section "speed"') });
    await expect(refused).rejects.toMatchObject({ stderr: expect.stringContaining('machine,step,post') });
  });
});
