import { expect, it } from '@jest/globals';
import { subtract } from './address-range.ts';

it('leaves a range whole when nothing of it is excepted', () => {
  expect(subtract('10.0.0.0/8', ['192.168.0.0/16'])).toEqual(['10.0.0.0/8']);
});

it('takes out what is excepted and keeps every other address', () => {
  expect(subtract('10.0.0.0/8', ['10.128.0.0/9'])).toEqual(['10.0.0.0/9']);
  expect(subtract('10.0.0.0/30', ['10.0.0.1/32'])).toEqual(['10.0.0.0/32', '10.0.0.2/31']);
});

it('leaves nothing of a range that is excepted whole', () => {
  expect(subtract('10.1.0.0/16', ['10.0.0.0/8'])).toEqual([]);
});

it('keeps the number of addresses that are left over the whole address space', () => {
  const left = subtract('0.0.0.0/0', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16']);
  const addresses = left.reduce((sum, range) => sum + 2 ** (32 - Number(range.split('/')[1])), 0);
  expect(addresses).toBe(2 ** 32 - 2 ** 24 - 2 ** 20 - 2 ** 16 - 2 ** 16);
});

it('refuses what is no IPv4 range, and names it', () => {
  for (const bad of ['10.0.0.0', '10.0.0.256/8', '10.0.0.0/33', 'fd00::/8'])
    expect(() => subtract(bad, [])).toThrow(`"${bad}" is not an IPv4 range`);
});
