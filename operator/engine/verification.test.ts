import { describe, expect, it } from '@jest/globals';
import { hiddenOutcome, judgeCheck } from './verification.ts';

describe('what counts as verification', () => {
  it.each([
    ['npm test', '12 passing (30ms)'],
    ['pytest -q', '3 passed in 0.02s'],
    ['go test ./...', 'ok  \texample.com/a\t0.003s\n?   \texample.com/b\t[no test files]'],
    ['node --test', '# tests 4\n# pass 4\n# fail 0'],
    ['cargo test', 'running 0 tests\ntest result: ok. 0 passed\nrunning 2 tests\ntest result: ok. 2 passed; 0 failed'],
    ['make check', ''],
    [`printf '2026-01-03 12.50 EUR food\\n' | python3 -m pennybook summary - | grep -qx '12.50'`, ''],
    ['CI=1 tsc --noEmit', ''],
  ])('counts %s when it passed', (command, output) => {
    expect(judgeCheck(command, 0, output)).toEqual({ counted: true });
  });

  it.each([
    ['true', '', 'checks nothing'],
    [':', '', 'checks nothing'],
    ['echo ok && true', 'ok', 'checks nothing'],
    ['exit 0', '', 'checks nothing'],
    ['echo "npm test; ok" | cat', '', 'checks nothing'],
    ['pytest -k nothing', 'collected 0 items', 'ran no test'],
    ['go test ./x', '?   \texample.com/x\t[no test files]', 'ran no test'],
    ['npx jest nothing', 'No tests found, exiting with code 0', 'ran no test'],
    ['node --test', '# tests 0\n# pass 0', 'ran no test'],
    ['python -m unittest', 'Ran 0 tests in 0.000s\n\nOK', 'ran no test'],
  ])('does not count %s', (command, output, note) => {
    expect(judgeCheck(command, 0, output)).toEqual({ counted: false, note });
  });

  it.each([
    ['npm test || true', '||'],
    ['npm test || exit 0', '||'],
    ['npm test 2>&1 | tail -20', 'tail'],
    ['cd app && npm test | tee log', 'tee'],
    ['npm test | grep -v warning', 'grep'],
    ['npm test | tail -5 && npm run lint', 'tail'],
    ['npm test; echo done', 'echo done'],
    ['npm test\ntrue', 'true'],
    ['npm test; exit 0', 'exit 0'],
    ['npm test &', 'background'],
  ])('does not count %j, which passes when the tests fail', (command, what) => {
    expect(hiddenOutcome(command)).toContain(what);
    expect(judgeCheck(command, 0, '12 passed')).toMatchObject({ counted: false, note: expect.stringContaining(what) });
  });

  it.each([
    'npm test 2>&1',
    'npm test > log 2>&1 && ! grep -q warning log',
    'set -o pipefail; npm test | tail -20',
    'set -e\nnpm test\necho done',
    'npm test; failed=$?; rm -rf out; exit $failed',
    'echo 5 | ./sum | grep -q 5',
    "grep -q 'a || true' notes.txt",
    'sh -c "npm test | tail" && npm run lint',
    'cat input.txt | ./program | diff - expected.txt',
    'node a.js; node b.js',
    'npm run build && npm test',
    './program | head -5 > out && diff out expected',
    '[ $(./program | head -1) = hello ]',
    'test "$(./program | head -1)" = hello',
  ])('takes the exit code of %j for what it is', (command) => {
    expect(hiddenOutcome(command)).toBeUndefined();
  });

  it('does not count what failed', () => {
    expect(judgeCheck('npm test', 1, '12 passing')).toEqual({ counted: false });
  });
});
