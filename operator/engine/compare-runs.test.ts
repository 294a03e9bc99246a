import { describe, expect, it } from '@jest/globals';
import { type CheckRun, compareRuns } from './compare-runs.ts';

const passed: CheckRun = { exitCode: 0, output: '5 passed' };
const failed = (output: string, exitCode = 1): CheckRun => ({ exitCode, output });

const NODE = `ok 1 - adds
not ok 2 - reads the network
  ---
  duration_ms: 3.2
  error: 'getaddrinfo ENOTFOUND example.com'
# tests 2
# fail 1
`;
/** The same failure, with a test more that passes. */
const NODE_LATER = `ok 1 - adds
ok 2 - subtracts
not ok 3 - reads the network
  ---
  duration_ms: 17.9
  error: 'getaddrinfo ENOTFOUND example.com'
# tests 3
# fail 1
`;
const NODE_WORSE = NODE_LATER.replace('ok 2 - subtracts', "not ok 2 - subtracts\n  error: 'expected 1'");

const PYTEST = `FAILED tests/test_net.py::test_reads - OSError: no route
E       OSError: no route
=========== 1 failed, 4 passed in 0.31s ===========
`;
const GO = `--- FAIL: TestReads (0.00s)
    net_test.go:12: dial tcp: no route
FAIL	example.com/net	0.004s
ok  	example.com/sum	0.002s
`;

describe('a check compared with the one before the work', () => {
  it.each([
    ['failed and passes now', failed('x'), passed, 'fixed'],
    ['passed and passes', passed, passed, 'kept'],
    ['passed and fails now', passed, failed('boom'), 'broken'],
    ['fails with the same exit code and without a word, as before', failed(''), failed(''), 'still-fails'],
    ['fails with another exit code', failed('', 1), failed('', 2), 'fails-otherwise'],
    ['says something else without a word of failure', failed('one'), failed('two'), 'fails-otherwise'],
    ['fails in the same test, with more tests that pass', failed(NODE), failed(NODE_LATER), 'still-fails'],
    ['fails in one test more', failed(NODE), failed(NODE_WORSE), 'fails-otherwise'],
    ['fails in one test less', failed(NODE_WORSE), failed(NODE_LATER), 'still-fails'],
    [
      'took another time in pytest',
      failed(PYTEST),
      failed(PYTEST.replace('4 passed in 0.31s', '5 passed in 1.20s')),
      'still-fails',
    ],
    ['fails in another test of pytest', failed(PYTEST), failed(PYTEST.replaceAll('reads', 'writes')), 'fails-otherwise'],
    ['fails at another line in Go', failed(GO), failed(GO.replace('12:', '19:').replace('0.004s', '0.1s')), 'still-fails'],
    ['fails in another test of Go', failed(GO), failed(GO.replace('TestReads', 'TestWrites')), 'fails-otherwise'],
  ])('that %s', (_what, before, now, change) => {
    expect(compareRuns(before, now)).toBe(change);
  });

  it('is compared with nothing when one of the two did not come to an end, or was not run', () => {
    expect(compareRuns(undefined, passed)).toBeUndefined();
    expect(compareRuns({ exitCode: -1, output: '' }, passed)).toBeUndefined();
    expect(compareRuns(passed, { exitCode: -1, output: '' })).toBeUndefined();
  });
});
