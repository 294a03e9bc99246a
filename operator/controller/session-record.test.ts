import { describe, expect, it } from '@jest/globals';
import { aSession } from '../../test/support/objects.ts';
import { newest, newRecord, wrote } from './session-record.ts';

const version = (resourceVersion: string) => aSession({}, undefined, { resourceVersion });

describe('what is remembered of a session', () => {
  it('is what was written last, as long as the cache shows what our own writes replaced', () => {
    const record = newRecord(version('1'));
    wrote(record, version('1'), version('2'));
    wrote(record, version('2'), version('3'));
    expect(newest(record, version('1')).metadata.resourceVersion).toBe('3');
    expect(newest(record, version('2')).metadata.resourceVersion).toBe('3');
    expect(newest(record, version('3')).metadata.resourceVersion).toBe('3');
  });

  it('is what the cache shows when somebody else wrote after us', () => {
    const record = newRecord(version('1'));
    wrote(record, version('1'), version('2'));
    expect(newest(record, version('4')).metadata.resourceVersion).toBe('4');
    expect(newest(record, version('5')).metadata.resourceVersion).toBe('5');
  });
});
