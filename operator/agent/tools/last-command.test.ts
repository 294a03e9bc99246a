import { describe, expect, it } from '@jest/globals';
import { hidingCommand } from './last-command.ts';

describe('the exit code of a command', () => {
  it.each([
    ['python3 -m unittest 2>&1 | grep -E "FAILED|OK"', 'grep'],
    ['go test ./... 2>&1; git status --short', 'git'],
    ['cd app && npm test | tail -20', 'tail'],
    ['npm test\ngit diff --stat', 'git'],
    ['FOO=1 timeout 60 npx --no-install jest a.test.ts |& /usr/bin/head -5', 'head'],
    ['(cd sub && make check) ; ls', 'ls'],
    ['for d in a b; do go test ./$d; done; echo "all | done"', 'echo'],
    ['cargo test -q & sleep 5', 'sleep'],
    ['./run-tests.sh | tee log', 'tee'],
    ['python3 tests/test_all.py | tail -3 && git status', 'git'],
    ["cat > a.txt <<'EOF'\nx\nEOF\npytest -q | tail -1", 'tail'],
  ])('of %j is that of its last program, not of the test', (command, program) => {
    expect(hidingCommand(command)).toBe(program);
  });

  it.each([
    'pytest -q',
    'pytest -q 2>&1',
    'cd app && npm test && git status',
    'npm test || echo failed',
    'set -o pipefail; npm test | tail -20',
    'set -e\nnpm test\ngit status',
    'npm test; echo "exit $?"',
    'npm test | tail -5; exit $PIPESTATUS',
    'npm test >log 2>&1; code=$?; tail log; exit $code',
    'git status; pytest',
    'grep -rn pytest . | head',
    'cat Makefile; ls',
    'echo "pytest | tail"; ls',
    "cat > a.sh <<'EOF'\npytest -q | tail\nls\nEOF",
    'ls # pytest | tail',
    'make test;',
    '(make test)',
    '{ make test; }',
    '',
  ])('of %j hides nothing', (command) => {
    expect(hidingCommand(command)).toBeUndefined();
  });
});
