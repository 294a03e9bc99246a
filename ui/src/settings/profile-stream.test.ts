import { expect, it } from '@jest/globals';
import { takeProfiles } from './profile-stream.ts';

const message = (event: string, data: object) => ({ event, data: JSON.stringify(data) });
const names = (profiles: readonly { name: string }[] | undefined) => profiles?.map(({ name }) => name);

it('shows a list only when it is whole', () => {
  const first = takeProfiles([message('profile', { name: 'b' })], undefined, new Map());
  expect(first.profiles).toBeUndefined();
  const second = takeProfiles([message('profile', { name: 'a' }), message('synced', {})], undefined, first.coming);
  expect(names(second.profiles)).toEqual(['a', 'b']);
  expect(second.coming).toBeNull();
});

it('takes what changes into the list that is shown, the default first', () => {
  const { profiles } = takeProfiles([message('profile', { name: 'a' }), message('synced', {})], undefined, new Map());
  const more = takeProfiles([message('profile', { name: 'z', default: true })], profiles, null);
  expect(names(more.profiles)).toEqual(['z', 'a']);
  const fewer = takeProfiles([message('profile.deleted', { id: 'a' })], more.profiles, null);
  expect(names(fewer.profiles)).toEqual(['z']);
});

it('keeps showing the old list while the server tells everything again', () => {
  const { profiles } = takeProfiles([message('profile', { name: 'old' }), message('synced', {})], undefined, new Map());
  const reset = takeProfiles([message('list.reset', {}), message('profile', { name: 'new' })], profiles, null);
  expect(names(reset.profiles)).toEqual(['old']);
  expect(names(takeProfiles([message('synced', {})], reset.profiles, reset.coming).profiles)).toEqual(['new']);
});

it('changes nothing by what it does not know', () => {
  const { profiles } = takeProfiles([message('synced', {})], undefined, new Map());
  expect(takeProfiles([message('something', {})], profiles, null).profiles).toBe(profiles);
});
