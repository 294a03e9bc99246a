/**
 * Requests about files in a sandbox, several in one command. They are read and answered by the same script as in a Pod
 * (link.sh, which describes them); here the bytes of both go as base64, because a command's output has to be text.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeRequest } from '../protocol.ts';
import { quote, quoteAll } from '../quote.ts';

const LINK_SCRIPT = readFileSync(join(import.meta.dirname, '../pod/link.sh'), 'utf8');

export type FileRequest = { verb: 'get' | 'stat' | 'put' | 'install'; fields: readonly string[]; body?: Uint8Array };
export type FileReply = { word: string; rest: string; bytes: Buffer };

/**
 * A command that does the requests in order, and what reads the last answer from its output.
 * @param toolbox folder of the tools that the image may lack
 * @throws RangeError for a field that cannot be sent | in `parse` Error for an output that is none of its answers
 */
export function fileCommand(
  root: string,
  toolbox: string,
  requests: readonly FileRequest[],
): { command: string; parse: (output: string) => FileReply } {
  const mark = randomBytes(16).toString('hex');
  const input = requests.flatMap(({ verb, fields, body }, index) => {
    const line = encodeRequest(index, 0, verb, fields);
    if (line === undefined) throw new RangeError(`a field of a ${verb} request holds a character that cannot be sent`);
    const [number, , ...rest] = line.split('\x1f');
    return [Buffer.from(`${['F', number, ...rest].join('\x1f')}\n`), ...(body ? [body] : [])];
  });
  const link = `/bin/sh -c ${quoteAll([LINK_SCRIPT, 'swe-agent-link', root, mark])} 2>&1 >/dev/null`;
  const text = Buffer.concat(input).toString('base64');
  return {
    command: `PATH=$PATH:${quote(toolbox)}/bin; printf %s ${quote(text)} | base64 -d | ${link} | base64`,
    parse: (output) => parse(Buffer.from(output, 'base64'), requests, Buffer.from(`${mark}\n`)),
  };
}

function parse(answers: Buffer, requests: readonly FileRequest[], mark: Buffer): FileReply {
  let at = 0;
  let last: FileReply | undefined;
  for (const [index, { verb }] of requests.entries()) {
    const end = answers.indexOf('\n', at);
    const [id, word = '', ...rest] = answers.subarray(at, Math.max(at, end)).toString().split(' ');
    if (end < 0 || id !== String(index)) throw new Error(`the sandbox did not answer a ${verb} request`);
    at = end + 1;
    let bytes: Buffer = Buffer.alloc(0);
    if (verb === 'get' && word === 'ok') {
      const end = answers.indexOf(mark, at);
      if (end < 0) throw new Error('the sandbox did not send a file to its end');
      bytes = answers.subarray(at, end);
      at = end + mark.length;
    }
    last = { word, rest: rest.join(' '), bytes };
    // With the disk full it takes nothing more.
    if (word === 'full') break;
  }
  if (!last) throw new RangeError('nothing was requested');
  return last;
}
