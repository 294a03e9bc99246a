import { describe, expect, it } from '@jest/globals';
import { fingerprintOf, withoutChance } from './fingerprint.ts';

const call = (args: string) => ({ id: `id-${Math.random()}`, name: 'bash', arguments: args });

describe('two runs of the same command', () => {
  const same = [
    ['pytest', '1 failed, 3 passed in 0.35s', '1 failed, 3 passed in 0.41s'],
    ['Jest', 'Tests: 1 failed\nTime:        0.61 s, estimated 1 s', 'Tests: 1 failed\nTime:        0.7 s, estimated 1 s'],
    ['node:test', '✖ adds (0.512ms)\n# duration_ms 45.81', '✖ adds (1.2ms)\n# duration_ms 51.23'],
    ['Go', '--- FAIL: TestSum (0.00s)\nFAIL\tsum\t0.003s', '--- FAIL: TestSum (0.01s)\nFAIL\tsum\t0.012s'],
    ['Cargo', 'finished in 1m 3s', 'finished in 59.2s'],
    ['unittest', 'Ran 3 tests in 0.001s', 'Ran 3 tests in 0.002s'],
    ['mocha', '2 failing (2.1 s, 12 ms)', '2 failing (1.9 s, 8 ms)'],
    ['a log line', '2026-11-21T10:02:03.123Z boom', '2026-11-21T10:02:09.876Z boom'],
    ['a clock', '[10:02:03] boom', '[10:02:59] boom'],
    [
      'a long output',
      'all 2 MB are in /w/.run/out/programmer-2.7.0: grep it',
      'all 2 MB are in /w/.run/out/programmer-2.8.0: grep it',
    ],
    ['a bare number of seconds', 'took 0.25 to run', 'took 1.75 to run'],
  ] as const;

  it.each(same)('count as the same although %s says how long it took', (_who, one, two) => {
    expect(fingerprintOf(call('{}'), 'ok', one)).toBe(fingerprintOf(call('{}'), 'ok', two));
  });

  const different = [
    ['another number of failures', '1 failed, 3 passed', '2 failed, 2 passed'],
    ['another line', 'error at sum.js:12', 'error at sum.js:13'],
    ['another place', 'a.ts:3:14: error', 'a.ts:5:14: error'],
    ['another version', 'node v22.1.0', 'node v22.1.1'],
    ['another amount', 'expected 5, got 4', 'expected 5, got 3'],
    ['another column', 'a.ts(3,14): error', 'a.ts(3,15): error'],
    ['another size', '12 MB left', '13 MB left'],
  ] as const;

  it.each(different)('count as different when there is %s', (_what, one, two) => {
    expect(fingerprintOf(call('{}'), 'ok', one)).not.toBe(fingerprintOf(call('{}'), 'ok', two));
  });
});

describe('a fingerprint', () => {
  it('tells apart what was done and how it ended', () => {
    const one = fingerprintOf(call('{"command":"make"}'), 'ok', 'x');
    expect(fingerprintOf(call('{"command":"make test"}'), 'ok', 'x')).not.toBe(one);
    expect(fingerprintOf(call('{"command":"make"}'), 'error', 'x')).not.toBe(one);
    expect(fingerprintOf(call('{"command":"make"}'), 'ok', 'x')).toBe(one);
  });

  it('goes astray in no text', () => {
    const began = performance.now();
    withoutChance('1 '.repeat(8_000) + '1'.repeat(16_000));
    withoutChance('1m 1s '.repeat(5_000));
    // Some milliseconds; an expression that goes astray would take hours.
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
