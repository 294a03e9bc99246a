/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2024', parser: { syntax: 'typescript' }, experimental: { keepImportAttributes: true } },
        module: { type: 'es6' },
      },
    ],
  },
  testMatch: ['<rootDir>/{operator,api-gateway,local,bench,test,scripts,ui}/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/.swe-agent', '<rootDir>/workspace', '<rootDir>/ui/dist'],
  // Longer than a test waits for anything (test/support/eventually.ts), so that what it waited for is what is reported.
  testTimeout: 180_000,
  maxWorkers: 2,
};
