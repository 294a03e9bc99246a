import { userInfo } from 'node:os';
import { expect, it } from '@jest/globals';
import { userName } from './user-name.ts';

const nobody = () => {
  throw Object.assign(new Error('A system error occurred: uv_os_get_passwd returned ENOENT'), { code: 'ERR_SYSTEM_ERROR' });
};

it('is what the system calls the user, or what can be said of one that it does not know', () => {
  expect(userName('other')).toBe(userInfo().username);
  expect(userName('agent', nobody)).toBe('agent');
  expect(userName(undefined, nobody)).toBe(`uid-${process.geteuid?.()}`);
});
