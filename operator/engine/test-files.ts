/** Tells tests from the rest of a repository by their paths, whatever the language. */

/** Folders that hold nothing but tests and what tests need. */
const TEST_FOLDERS = new Set([
  'test',
  'tests',
  '__tests__',
  '__mocks__',
  '__snapshots__',
  '__fixtures__',
  'androidtest',
  'e2e',
  'testdata',
  'unittest',
  'unittests',
]);

/** Folders that hold tests in some languages and texts or schemas in others: only code in them counts. */
const SPEC_FOLDERS = new Set(['spec', 'specs']);
const CODE = /\.(?:rb|js|jsx|ts|tsx|mjs|cjs|mts|cts|coffee|cr|lua|php|py|ex|exs|scala|groovy)$/;

const DOCUMENTS = /\.(?:md|mdx|rst|adoc|markdown)$/i;

const NAMES: RegExp[] = [
  // test_parser.py, parser_test.go, parser_spec.rb, parser-test.js, test-parser.sh
  /^tests?[_-][^/]+\.\w+$/,
  /[_-](?:tests?|spec)\.\w+$/,
  // parser.test.ts, parser.spec.tsx, parser.test-d.ts, parser.e2e-spec.ts
  /\.(?:tests?|spec|test-d|e2e-spec|e2e|cy)\.\w+$/,
  // ParserTest.java, ParserTests.cs, ParserSpec.scala, ParserIT.java, TestParser.java
  /[a-z0-9](?:Test|Tests|TestCase|Spec|Specs|IT)\.(?:java|kt|kts|scala|groovy|cs|fs|vb|swift|php|m|mm|hs|dart|cpp|cc|h)$/,
  /^Test[A-Z]\w*\.(?:java|kt|scala|groovy|cs)$/,
  // Django, Rust, Python's and Ruby's supports, Bash, Perl, recorded outputs
  /^(?:tests|conftest|spec_helper|rails_helper|test_helper)\.(?:py|rs|rb|exs)$/,
  /\.(?:bats|t|snap)$/,
];

/** Whether a file of the repository is a test or belongs to one. Tests within a source file cannot be told. Pure. */
export function isTestFile(path: string): boolean {
  const folders = path.split('/');
  const name = folders.pop() ?? '';
  if (DOCUMENTS.test(name)) return false;
  if (NAMES.some((pattern) => pattern.test(name))) return true;
  const lower = folders.map((folder) => folder.toLowerCase());
  if (lower.some((folder) => TEST_FOLDERS.has(folder) || /\.tests?$/.test(folder))) return true;
  return CODE.test(name) && lower.some((folder) => SPEC_FOLDERS.has(folder));
}
