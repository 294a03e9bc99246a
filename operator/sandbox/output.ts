/** What a command wrote, read from its output file: the two ends of it for a result, and its growth while it runs. */
import type { Output } from './sandbox.ts';
import type { SandboxHandle } from './transport.ts';

const TAIL_BYTES = 4096;

/** The output file's head and tail, together at most `keepBytes`. A file that is not there is an empty output. */
export async function readOutput(handle: SandboxHandle, path: string, keepBytes: number, signal: AbortSignal): Promise<Output> {
  const start = (await handle.get(path, { offset: 0, length: keepBytes + 1, signal })) ?? new Uint8Array();
  if (start.length <= keepBytes) return { bytes: start.length, head: decode(start), tail: '', omitted: 0, path };
  const size = Math.max((await handle.stat(path, signal))?.size ?? 0, start.length);
  const headBytes = Math.ceil(keepBytes / 2);
  const tailBytes = Math.floor(keepBytes / 2);
  const end = (await handle.get(path, { offset: size - tailBytes, length: tailBytes, signal })) ?? new Uint8Array();
  const head = start.subarray(0, wholeCharactersEnd(start.subarray(0, headBytes)));
  const tail = end.subarray(wholeCharactersStart(end));
  return { bytes: size, head: decode(head), tail: decode(tail), omitted: size - head.length - tail.length, path };
}

/** The newest text of an output file of `size` bytes, at most 4 KiB. */
export async function readTail(handle: SandboxHandle, path: string, size: number, signal: AbortSignal): Promise<string> {
  const offset = Math.max(0, size - TAIL_BYTES);
  const bytes = (await handle.get(path, { offset, length: size - offset, signal })) ?? new Uint8Array();
  return decode(offset > 0 ? bytes.subarray(wholeCharactersStart(bytes)) : bytes);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Where the last whole UTF-8 character ends, when the bytes were cut at an arbitrary place. */
function wholeCharactersEnd(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return back < needed ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Where the first whole UTF-8 character begins. */
function wholeCharactersStart(bytes: Uint8Array): number {
  let start = 0;
  while (start < Math.min(3, bytes.length) && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++;
  return start;
}
