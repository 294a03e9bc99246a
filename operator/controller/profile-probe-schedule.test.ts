import { describe, expect, it } from '@jest/globals';
import { aProfile, condition } from '../../test/support/objects.ts';
import { type AIProfile, PROBE_ANNOTATION } from '../api/resources.ts';
import type { AIProfileStatus } from '../api/types.gen.ts';
import { CLAIM_MS, probeDueIn } from './profile-probe-schedule.ts';

const START = Date.parse('2030-01-01T00:00:00.250Z');
const HOUR = 3_600_000;

function profileWith(status: AIProfileStatus | undefined, requested?: string): AIProfile {
  const annotations = requested === undefined ? {} : { [PROBE_ANNOTATION]: requested };
  return aProfile('p', {}, status ?? {}, { annotations });
}
const at = (ms: number) => new Date(START + ms).toISOString();
const tried = (ready: ReturnType<typeof condition>, probe: object = {}): AIProfileStatus => ({
  conditions: [ready],
  lastProbeTime: at(1_000),
  probe: { of: 'v', startTime: at(0), ...probe },
});
const answered = condition('Ready', 'True', 'Answered');
/** Due so many ms after the try that `tried` tells of ended. */
const dueAfter = (profile: AIProfile, interval = 6 * HOUR) => probeDueIn(profile, 'v', START + 1_000, interval);

describe('a model is tried', () => {
  it('at once when it never was', () => {
    expect(probeDueIn(profileWith(undefined), 'v', START, HOUR)).toBe(0);
  });

  it('at once when profile or Secret changed, or somebody asks for it, but not twice within moments', () => {
    const changed = profileWith(tried(answered));
    expect(probeDueIn(changed, 'other', START + 5_000, HOUR)).toBeLessThanOrEqual(0);
    expect(probeDueIn(changed, 'other', START + 100, HOUR)).toBe(1_900);
    const asked = profileWith(tried(answered, { requested: 'once' }), 'again');
    expect(probeDueIn(asked, 'v', START + 5_000, HOUR)).toBeLessThanOrEqual(0);
    expect(dueAfter(profileWith(tried(answered, { requested: 'again' }), 'again'))).toBeGreaterThan(HOUR);
  });

  it('by nobody else while somebody is at it, unless that one is taken to be gone', () => {
    const probing = profileWith({ probe: { of: 'v', startTime: at(0) } });
    expect(probeDueIn(probing, 'v', START + 1_000, HOUR)).toBe(CLAIM_MS - 1_000);
    expect(probeDueIn(probing, 'v', START + CLAIM_MS, HOUR)).toBe(0);
    const again = profileWith({ probe: { of: 'v', startTime: at(0) }, lastProbeTime: at(-HOUR) });
    expect(probeDueIn(again, 'v', START + 1_000, HOUR)).toBe(CLAIM_MS - 1_000);
  });

  it('again after the interval, a fifth more or less, the same for everybody who looks', () => {
    const due = Array.from({ length: 50 }, (_, index) =>
      dueAfter(profileWith(tried(answered, { of: 'v', startTime: at(-index) }))),
    );
    for (const ms of due) {
      expect(ms).toBeGreaterThanOrEqual(4.8 * HOUR);
      expect(ms).toBeLessThanOrEqual(7.2 * HOUR);
    }
    expect(new Set(due).size).toBeGreaterThan(40);
    expect(dueAfter(profileWith(tried(answered)))).toBe(dueAfter(profileWith(tried(answered))));
  });

  it('only when something changes where there is no interval', () => {
    expect(dueAfter(profileWith(tried(answered)), Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  });

  it('soon again after what may pass, and less and less often', () => {
    const wait = (failures: number) =>
      dueAfter(profileWith(tried(condition('Ready', 'False', 'Unreachable'), { failures })), Number.POSITIVE_INFINITY);
    expect(wait(1)).toBeLessThanOrEqual(18_000);
    for (const failures of [1, 2, 3, 4, 5]) expect(wait(failures + 1)).toBeGreaterThan(wait(failures));
    expect(wait(50)).toBeLessThanOrEqual(36 * 60_000);
  });

  it('within the hour when the account was used up, and not sooner than others when the key was refused', () => {
    expect(dueAfter(profileWith(tried(condition('Ready', 'False', 'QuotaExceeded'))))).toBeLessThan(HOUR);
    expect(dueAfter(profileWith(tried(condition('Ready', 'False', 'InvalidKey'))))).toBeGreaterThan(HOUR);
  });
});
