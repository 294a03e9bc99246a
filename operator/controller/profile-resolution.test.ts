import { describe, expect, it } from '@jest/globals';
import { aProfile, aSession, unusable } from '../../test/support/objects.ts';
import { resolveProfile, resolveSession } from './profile-resolution.ts';

const noKey = unusable('CredentialsResolved', 'SecretNotFound', 'Secret k does not exist in namespace ns.');
const noProvider = unusable('Accepted', 'ProviderNotAvailable', 'this build has no provider gemini');

/** The name of what was chosen, or the reason why nothing was. */
function chosen(...args: Parameters<typeof resolveProfile>): string {
  const resolution = resolveProfile(...args);
  return resolution.ok ? resolution.profile.metadata.name : resolution.reason;
}

describe('which profile a session uses', () => {
  const mine = aProfile('mine', { users: ['alice', 'bob'] });
  const standard = aProfile('standard', { default: true });
  const other = aProfile('other');
  const all = [other, standard, mine];

  it('is the one that it names, before all others', () => {
    expect(chosen(aSession({ author: 'alice', profileRef: { name: 'other' } }), all, 'planner')).toBe('other');
  });

  it('is the one assigned to its author, before the default', () => {
    expect(chosen(aSession({ author: 'alice' }), all, 'planner')).toBe('mine');
    expect(chosen(aSession({ author: 'carol' }), all, 'planner')).toBe('standard');
  });

  it("is the namespace's default when nothing else decides", () => {
    expect(chosen(aSession(), all, 'planner')).toBe('standard');
  });

  it('is the one named for the role, for that role alone', () => {
    const session = aSession({ author: 'alice', roleProfiles: { reviewer: 'other' } });
    expect(chosen(session, all, 'reviewer')).toBe('other');
    expect(chosen(session, all, 'programmer')).toBe('mine');
  });

  it('is never one of another namespace or one that is being deleted', () => {
    const elsewhere = aProfile('elsewhere', { default: true }, undefined, { namespace: 'other' });
    const going = aProfile('going', { default: true }, undefined, { deletionTimestamp: '2030-01-01T00:00:00Z' });
    expect(chosen(aSession(), [elsewhere, going], 'planner')).toBe('NoProfile');
    expect(chosen(aSession({ profileRef: { name: 'elsewhere' } }), [elsewhere, going], 'planner')).toBe('ProfileNotFound');
  });

  it('is, of several that would do, one that can be used, then the newest, whatever their order', () => {
    const broken = aProfile('broken', { default: true }, noKey, { creationTimestamp: '2030-03-01T00:00:00Z' });
    const old = aProfile('old', { default: true }, undefined, { creationTimestamp: '2030-01-01T00:00:00Z' });
    const young = aProfile('young', { default: true }, undefined, { creationTimestamp: '2030-02-01T00:00:00Z' });
    expect(chosen(aSession(), [broken, old, young], 'planner')).toBe('young');
    expect(chosen(aSession(), [young, old, broken], 'planner')).toBe('young');
    expect(chosen(aSession(), [broken], 'planner')).toBe('SecretNotFound');
  });

  it('does not fall back to the default when the one that was named cannot be used', () => {
    const session = aSession({ profileRef: { name: 'broken' } });
    expect(chosen(session, [standard, aProfile('broken', {}, noKey)], 'planner')).toBe('SecretNotFound');
  });

  it.each([
    [
      'there is none',
      aSession({ author: 'alice' }),
      [],
      'NoProfile',
      /No AIProfile in namespace ns is assigned to alice or is the default\. Create one with spec\.default: true/,
    ],
    ['nobody asked for it by name', aSession(), [other], 'NoProfile', /No AIProfile in namespace ns is the default/],
    [
      'the one named is missing',
      aSession({ profileRef: { name: 'x' } }),
      all,
      'ProfileNotFound',
      /^AIProfile x \(spec\.profileRef\) does not exist in namespace ns\. Create it/,
    ],
    [
      'its Secret is missing',
      aSession(),
      [aProfile('p', { default: true }, noKey)],
      'SecretNotFound',
      /^AIProfile p cannot be used: Secret k does not exist/,
    ],
    [
      'its provider is missing',
      aSession(),
      [aProfile('p', { default: true }, noProvider)],
      'ProviderNotAvailable',
      /this build has no provider gemini/,
    ],
    [
      'it was not looked at yet',
      aSession(),
      [aProfile('p', { default: true }, {})],
      'ProfileNotChecked',
      /^AIProfile p was not checked yet/,
    ],
  ])('says plainly that %s', (_, session, profiles, reason, message) => {
    expect(resolveProfile(session, profiles, 'planner')).toEqual({ ok: false, reason, message: expect.stringMatching(message) });
  });
});

describe('the fallbacks of a profile', () => {
  const chain = (profiles: ReturnType<typeof aProfile>[]) => {
    const resolution = resolveProfile(aSession({ profileRef: { name: 'a' } }), profiles, 'planner');
    return resolution.ok ? resolution.chain : resolution.reason;
  };
  const to = (name: string) => ({ fallbackRef: { name } });

  it('follow each other in order', () => {
    expect(chain([aProfile('a', to('b')), aProfile('b', to('c')), aProfile('c')])).toEqual(['a', 'b', 'c']);
  });

  it('pass over one that cannot be used and end at one that does not exist', () => {
    expect(chain([aProfile('a', to('b')), aProfile('b', to('c'), noKey), aProfile('c', to('nobody'))])).toEqual(['a', 'c']);
  });

  it('end where they would go round in a circle', () => {
    expect(chain([aProfile('a', to('b')), aProfile('b', to('a'))])).toEqual(['a', 'b']);
  });
});

describe('the profiles of all roles', () => {
  it('are told in one sentence when they are the same', () => {
    expect(resolveSession(aSession(), [aProfile('p', { default: true, model: 'm' })])).toMatchObject({
      ok: true,
      reason: 'Resolved',
      message: 'AIProfile p (openai, m), the default.',
    });
  });

  it('are told role by role when they differ', () => {
    const session = aSession({ roleProfiles: { reviewer: 'r' } });
    const { message } = resolveSession(session, [aProfile('p', { default: true }), aProfile('r')]);
    expect(message).toBe(
      'planner and programmer: AIProfile p (openai, gpt), the default; reviewer: AIProfile r (openai, gpt), named in spec.roleProfiles.reviewer.',
    );
  });

  it('are not resolved while one of them is missing', () => {
    const session = aSession({ roleProfiles: { reviewer: 'r' } });
    expect(resolveSession(session, [aProfile('p', { default: true })])).toMatchObject({ ok: false, reason: 'ProfileNotFound' });
  });

  it('have a fingerprint that changes with what is called, and with nothing else', () => {
    const print = (...profiles: ReturnType<typeof aProfile>[]) => resolveSession(aSession(), profiles).fingerprint;
    const p = aProfile('p', { default: true });
    expect(print(p, aProfile('unrelated'))).toBe(print(p));
    expect(print({ ...p, metadata: { ...p.metadata, generation: 2 } })).not.toBe(print(p));
    expect(print({ ...p, spec: { ...p.spec, fallbackRef: { name: 'q' } } }, aProfile('q'))).not.toBe(print(p));
    expect(print()).not.toBe(print(p));
  });
});
