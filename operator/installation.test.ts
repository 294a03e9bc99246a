import { writeFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { temporaryFolder } from '../test/support/temporary-folder.ts';
import { installationOf } from './installation.ts';
import { StateFolder } from './state-folder.ts';

it('has a name of its own, which a restart does not change and which is a label value', async () => {
  await using folder = await temporaryFolder();
  const named = (path: string) => {
    using state = StateFolder.open(path);
    return installationOf(state);
  };
  const name = named(`${folder.path}/one`);
  expect(name).toMatch(/^machine-[a-z0-9-]{1,55}[a-z0-9]$/);
  expect(named(`${folder.path}/one`)).toBe(name);
  expect(named(`${folder.path}/two`)).not.toBe(name);
  // Whatever damaged it: a name that no label can have would keep all Pods from being made.
  writeFileSync(`${folder.path}/one/installation`, 'no label value\n');
  expect(named(`${folder.path}/one`)).toMatch(/^machine-/);
});
