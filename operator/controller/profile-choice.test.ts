import { describe, expect, it } from '@jest/globals';
import { aProfile, unusable } from '../../test/support/objects.ts';
import type { AIProfile } from '../api/resources.ts';
import { choiceConditions } from './profile-choice.ts';
import { MAX_CHAIN } from './profile-resolution.ts';

const to = (name: string) => ({ fallbackRef: { name } });
const told = (profile: AIProfile, ...others: AIProfile[]) =>
  choiceConditions(profile, [profile, ...others]).map(
    ({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`,
  );

describe('what is said of a fallback', () => {
  it('is nothing where there is none', () => {
    expect(told(aProfile('a'))).toEqual([]);
  });

  it('is the way that it leads', () => {
    expect(told(aProfile('a', to('b')), aProfile('b', to('c')), aProfile('c'))).toEqual([
      'FallbackResolved=True Resolved: a → b → c.',
    ]);
  });

  it('is that it goes in a circle, at each profile of it', () => {
    const [a, b, c] = [aProfile('a', to('b')), aProfile('b', to('c')), aProfile('c', to('a'))];
    expect(told(a, b, c)).toEqual([
      'FallbackResolved=False FallbackCircle: a → b → c → a is a circle. Each is tried once; take spec.fallbackRef from one of them.',
    ]);
    expect(told(b, a, c)[0]).toContain('b → c → a → b is a circle');
    // A way that leads into a circle ends as well.
    expect(told(aProfile('d', to('b')), a, b, c)[0]).toContain('d → b → c → a → b is a circle');
  });

  it('is that it leads nowhere', () => {
    expect(told(aProfile('a', to('b')), aProfile('b', to('gone')))[0]).toContain(
      'FallbackNotFound: a → b → gone, which does not exist',
    );
  });

  it('is that it is longer than what is tried', () => {
    const chain = Array.from({ length: MAX_CHAIN + 2 }, (_, index) => aProfile(`p${index}`, to(`p${index + 1}`)));
    const [first] = chain;
    if (!first) throw new Error('no chain');
    expect(told(first, ...chain.slice(1))[0]).toContain(
      `FallbackTooLong: p0 → p1 → p2 → p3 → p4 → p5 → p6 → p7: of a longer chain`,
    );
  });
});

describe('what is said of a default', () => {
  const made = (name: string, year: number, status?: AIProfile['status']) =>
    aProfile(name, { default: true }, status, { creationTimestamp: `${year}-01-01T00:00:00Z` });

  it('is that it is the one, when it is alone', () => {
    expect(told(made('a', 2030), aProfile('b'))).toEqual([
      'DefaultProfile=True Default: Sessions that name no profile and whose author has none use it.',
    ]);
  });

  it('is which one is used when there are several, at each of them', () => {
    const [old, young] = [made('old', 2030), made('young', 2031)];
    expect(told(young, old)[0]).toContain(
      'DefaultProfile=True SeveralDefaults: It is the default in use, although old is marked',
    );
    expect(told(old, young)[0]).toContain('DefaultProfile=False OtherDefault: AIProfile young is marked as the default as well');
  });

  it('is that another is used while the newest cannot be', () => {
    const [old, young] = [made('old', 2030), made('young', 2031, unusable('CredentialsResolved', 'SecretNotFound', 'gone'))];
    expect(told(young, old)[0]).toContain('OtherDefault: AIProfile old');
  });
});
