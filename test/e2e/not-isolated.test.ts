/** Of commands on this machine alone: a sandbox elsewhere is kept from what is the operator's by being there. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { System } from '../support/system.ts';

/** Where bubblewrap may not work, and where no other user can enter the workspace. */
async function unable(folder: string): Promise<Record<string, string>> {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'bwrap'), '#!/bin/sh\necho "bwrap: No permissions to create a new namespace" >&2\nexit 1\n', {
    mode: 0o755,
  });
  mkdirSync(join(folder, 'private'), { mode: 0o700 });
  return {
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    SWE_AGENT_WORKSPACE: join(folder, 'private/workspace'),
  };
}

describe('where commands cannot be isolated', () => {
  it('the start says so in one line, with what it means and what to do, and the session says the same', async () => {
    await using system = await System.start({ prepare: unable });
    const warnings = system.output.split('\n').filter((line) => line.startsWith('WARNING:'));
    expect(warnings).toHaveLength(1);
    const [warning = ''] = warnings;
    expect(warning).toContain('NOT ISOLATED: commands run with the rights of this operator and can read and change everything');
    expect(warning).toMatch(process.platform === 'linux' ? /No permissions to create.*user namespaces/ : /Linux container/);
    expect(readdirSync(system.path('private/workspace'))).toEqual(['.sandboxes']);
    const goal = system.model.on('Greet without walls');
    const { conditions } = await system.completed(await system.session(goal, await system.repository('greeter')));
    const isolated = conditions.find(({ type }) => type === 'Isolated');
    expect(isolated).toMatchObject({ status: 'False', reason: 'NotIsolated' });
    expect(`WARNING:  ${isolated?.message}`).toBe(warning);
  });
});
