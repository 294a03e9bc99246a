/**
 * The scripted model as a process of its own:
 *
 *     sh scripts/node test/support/model-server-main.ts SCRIPT.ts [--port N] [--keep N]
 *
 * SCRIPT's default export is a ModelScript. Prints {"baseUrl":"…"} when it listens. Ends on SIGTERM or SIGINT, and when
 * the standard input it was given as a pipe ends, so that it does not outlive who started it.
 */
import { fstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type ModelScript, startModelServer } from './model-server.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { port: { type: 'string', default: '0' }, keep: { type: 'string', default: '0' } },
});
const path = positionals[0];
if (!path) {
  console.error('usage: model-server-main.ts SCRIPT [--port N] [--keep N]');
  process.exit(2);
}
const script = scriptOf(await import(pathToFileURL(resolve(path)).href));
const server = await startModelServer(script, { port: Number(values.port), keep: Number(values.keep) });
let closing = false;
const close = () => {
  if (closing) return;
  closing = true;
  server.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.once('SIGTERM', close);
process.once('SIGINT', close);
const input = fstatSync(0);
if (input.isFIFO() || input.isSocket()) process.stdin.on('end', close).on('error', close).resume();
console.log(JSON.stringify({ baseUrl: server.baseUrl }));

function scriptOf(module: unknown): ModelScript {
  const found = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined;
  if (typeof found !== 'function' && !Array.isArray(found))
    throw new Error(`${path} has no default export that is a list of replies or a function`);
  return found as ModelScript;
}
