import { describe, expect, it } from '@jest/globals';
import { type ProfileChoice, readProfileChoice } from '../api/profiles.ts';
import { EMPTY } from './draft.ts';
import { unpricedOf } from './unpriced.ts';

const profile = (name: string, more: object = {}): ProfileChoice => readProfileChoice({ name, model: `${name}-model`, ...more });
const known = profile('known', { model: 'openai/gpt-5-2025-08-07' });
const own = profile('own', { pricing: { input_per_million: 1, output_per_million: 0 } });
const half = profile('half', { pricing: { input_per_million: 1 } });
const mine = profile('mine', { users: ['ada'] });
const all = [known, own, half, mine];
const told = (part: object, author: string | null = null) => {
  const { profiles, whole } = unpricedOf(all, { ...EMPTY, ...part }, author);
  return { names: profiles.map(({ name }) => name), whole };
};

describe('the models that nobody knows the price of', () => {
  it('are none where the price is known, or set as a whole', () => {
    expect(told({ profile: 'known' })).toEqual({ names: [], whole: false });
    expect(told({ profile: 'own', reviewer: 'known' })).toEqual({ names: [], whole: false });
  });

  it('are those of half a price, and of the profile that is used without being named', () => {
    expect(told({ profile: 'half' })).toEqual({ names: ['half'], whole: true });
    expect(told({}, 'ada')).toEqual({ names: ['mine'], whole: true });
    expect(told({}, 'bob')).toEqual({ names: [], whole: false });
  });

  it('are told of single roles, too', () => {
    expect(told({ profile: 'known', reviewer: 'half' })).toEqual({ names: ['half'], whole: false });
    expect(told({ profile: 'half', planner: 'known', programmer: 'known', reviewer: 'known' })).toEqual({
      names: [],
      whole: false,
    });
  });
});
