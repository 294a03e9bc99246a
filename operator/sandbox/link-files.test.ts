import { expect, it } from '@jest/globals';
import { CHUNK_BYTES, readInPieces } from './link-files.ts';

const WINDOW = 2;

it('a long file is read to its end, and to the end of what is asked for', async () => {
  const file = Buffer.alloc(5 * CHUNK_BYTES + 3, 'abc');
  const read = async (from: number, wanted: number) => file.subarray(from, from + wanted);
  const { signal } = new AbortController();
  const whole = await readInPieces({ offset: 1, length: 9 * CHUNK_BYTES, signal }, WINDOW, read);
  expect(whole?.equals(file.subarray(1))).toBe(true);
  const part = await readInPieces({ offset: 1, length: 2 * CHUNK_BYTES + 1, signal }, WINDOW, read);
  expect(part?.equals(file.subarray(1, 2 * CHUNK_BYTES + 2))).toBe(true);
});

it('a long file is not read on for somebody who has gone', async () => {
  const gone = new AbortController();
  let pieces = 0;
  const read = async () => {
    if (++pieces === 1 + WINDOW) gone.abort(new Error('the user cancelled'));
    return Buffer.alloc(CHUNK_BYTES);
  };
  const reading = readInPieces({ offset: 0, length: 20 * CHUNK_BYTES, signal: gone.signal }, WINDOW, read);
  await expect(reading).rejects.toThrow('the user cancelled');
  expect(pieces).toBe(1 + WINDOW);
});
