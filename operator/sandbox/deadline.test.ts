import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { patience } from '../../test/support/eventually.ts';

/** Runs the code in a process of its own, with what is exported here, and resolves with what it printed. */
async function run(code: string): Promise<string> {
  const script = `import { withDeadline } from ${JSON.stringify(new URL('deadline.ts', import.meta.url).href)};\n${code}`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { signal: patience() });
  return stdout;
}

it.each([
  ['has gone before', 'gone.abort(new Error("gone"));', ''],
  ['goes meanwhile', '', 'setImmediate(() => gone.abort(new Error("gone")));'],
])('what fails after whoever waits for it %s does not end the process', async (_, before, after) => {
  const said = await run(`
    const gone = new AbortController();
    const { promise, reject } = Promise.withResolvers();
    ${before}
    const waiting = withDeadline(promise, { signal: gone.signal });
    ${after}
    console.log(await waiting.catch(({ message }) => message));
    reject(new Error('too late'));
    setImmediate(() => console.log('goes on'));
  `);
  expect(said).toBe('gone\ngoes on\n');
});
