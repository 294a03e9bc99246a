/** What tells this installation's sandboxes from those of another in the same namespace of a cluster. */
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { errorCode } from './error-code.ts';
import type { StateFolder } from './state-folder.ts';

const FILE = 'installation';
/** A label value. */
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** The name that is kept in the state folder; made when there is none. @throws when the folder cannot be written */
export function installationOf(folder: StateFolder): string {
  const path = folder.file(FILE);
  try {
    const name = readFileSync(path, 'utf8').trim();
    if (NAME.test(name)) return name;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  const name = `machine-${randomUUID().slice(0, 13)}`;
  writeFileSync(path, `${name}\n`, { mode: 0o600 });
  return name;
}
