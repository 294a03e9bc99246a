import { describe, expect, it } from '@jest/globals';
import { isTestFile } from './test-files.ts';

describe('a path', () => {
  it.each([
    'test/receipt.test.js',
    'test/fixtures/old.json',
    'tests/__init__.py',
    'src/parser/__tests__/parser.ts',
    'src/__snapshots__/view.test.tsx.snap',
    'parser_test.go',
    'internal/testdata/golden.txt',
    'src/parser.test.ts',
    'src/parser.spec.tsx',
    'types/index.test-d.ts',
    'app/parser-test.js',
    'test_parser.py',
    'pkg/parser_test.py',
    'conftest.py',
    'app/tests.py',
    'spec/models/user_spec.rb',
    'spec/support/factories.rb',
    'src/test/java/org/example/Sum.java',
    'src/main/ParserTest.java',
    'src/ParserTests.cs',
    'Parser.Tests/Sum.cs',
    'src/ParserSpec.scala',
    'src/it/ParserIT.java',
    'src/TestParser.java',
    'tests/parser.rs',
    'src/parser/tests.rs',
    'Tests/ParserTests.swift',
    't/01-basic.t',
    'run.bats',
    'cypress/login.cy.ts',
    'e2e/login.ts',
    'lib/parser_test.exs',
    'test-parser.sh',
  ])('is of a test: %s', (path) => {
    expect(isTestFile(path)).toBe(true);
  });

  it.each([
    'src/receipt.js',
    'src/latest.ts',
    'src/contest/entry.py',
    'src/attest.go',
    'test/README.md',
    'docs/testing.md',
    'spec/openapi.yaml',
    'spec/grammar.ebnf',
    'src/testing/harness.ts',
    'src/inspector.rb',
    'Audit.java',
    'src/Greatest.java',
    'src/manifest.kt',
    'protest.py',
    'package.json',
    'jest.config.js',
  ])('is of no test: %s', (path) => {
    expect(isTestFile(path)).toBe(false);
  });
});
