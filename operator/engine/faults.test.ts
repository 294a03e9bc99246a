import { describe, expect, it } from '@jest/globals';
import { GitError } from '../sandbox/git/git.ts';
import { SandboxUnavailableError } from '../sandbox/transport.ts';
import { BlobMissingError, BlobUnavailableError } from './blob.ts';
import { delayAfter, faultOf, MAX_TRIES } from './faults.ts';
import { ModelUnavailableError } from './ports.ts';

describe('a fault', () => {
  const cases = [
    [
      'a sandbox that is not there now',
      new SandboxUnavailableError('RunnerFailed', 'x', { permanent: false }),
      'passing',
      'RunnerFailed',
    ],
    [
      'a sandbox that never will be',
      new SandboxUnavailableError('SandboxTypeUnavailable', 'x', { permanent: true }),
      'final',
      'SandboxTypeUnavailable',
    ],
    ['a full disk', new GitError('StorageFull', 'x'), 'passing', 'StorageFull'],
    ['a remote that is away', new GitError('Unreachable', 'x', { transient: true }), 'passing', 'Unreachable'],
    ['a branch that git refuses', new GitError('InvalidBranch', 'x'), 'final', 'InvalidBranch'],
    ['a blob store that is away', new BlobUnavailableError('x'), 'passing', 'StorageUnavailable'],
    ['a key that went away in this moment', new ModelUnavailableError('SecretNotFound', 'x'), 'passing', 'SecretNotFound'],
    ['a blob that is gone', new BlobMissingError('x'), 'final', 'StorageDamaged'],
  ] as const;

  it.each(cases)('%s', (_what, error, kind, reason) => {
    expect(faultOf(error)).toMatchObject({ kind, reason, message: 'x' });
  });

  it('is none where nobody expected the error', () => {
    expect(faultOf(new TypeError('x'))).toBeUndefined();
    expect(faultOf('x')).toBeUndefined();
  });

  it('is tried again when the sandbox can be had again, and never later than in ten minutes', () => {
    const limited = new SandboxUnavailableError('DaytonaRateLimited', 'x', { permanent: false, retryAt: 45_000 });
    expect(faultOf(limited)).toMatchObject({ kind: 'passing', retryAt: 45_000 });
    expect([45_000, -1, 3_600_000].map((asked) => delayAfter(1, undefined, asked))).toEqual([45_000, 2_000, 600_000]);
  });

  it('is tried again ever later, within minutes', () => {
    const delays = Array.from({ length: MAX_TRIES }, (_, index) => delayAfter(index + 1));
    expect(delays.slice(0, 6)).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
    expect(Math.max(...delays)).toBe(60_000);
  });
});
