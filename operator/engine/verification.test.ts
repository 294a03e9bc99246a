import { describe, expect, it } from '@jest/globals';
import { judgeCheck } from './verification.ts';

describe('what counts as verification', () => {
  it.each([
    ['npm test', '12 passing (30ms)'],
    ['pytest -q', '3 passed in 0.02s'],
    ['go test ./...', 'ok  \texample.com/a\t0.003s\n?   \texample.com/b\t[no test files]'],
    ['node --test', '# tests 4\n# pass 4\n# fail 0'],
    ['cargo test', 'running 0 tests\ntest result: ok. 0 passed\nrunning 2 tests\ntest result: ok. 2 passed; 0 failed'],
    ['make check', ''],
    ['CI=1 tsc --noEmit', ''],
  ])('counts %s when it passed', (command, output) => {
    expect(judgeCheck(command, 0, output)).toEqual({ counted: true });
  });

  it.each([
    ['true', '', 'checks nothing'],
    [':', '', 'checks nothing'],
    ['echo ok && true', 'ok', 'checks nothing'],
    ['exit 0', '', 'checks nothing'],
    ['npm test || true', '3 failing', 'passes whatever happens'],
    ['pytest -k nothing', 'collected 0 items', 'ran no test'],
    ['go test ./x', '?   \texample.com/x\t[no test files]', 'ran no test'],
    ['npx jest nothing', 'No tests found, exiting with code 0', 'ran no test'],
    ['node --test', '# tests 0\n# pass 0', 'ran no test'],
    ['python -m unittest', 'Ran 0 tests in 0.000s\n\nOK', 'ran no test'],
  ])('does not count %s', (command, output, note) => {
    expect(judgeCheck(command, 0, output)).toEqual({ counted: false, note });
  });

  it('does not count what failed', () => {
    expect(judgeCheck('npm test', 1, '12 passing')).toEqual({ counted: false });
  });
});
