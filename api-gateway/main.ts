/**
 * The gateway of a cluster as a process: as many as are wanted, none holds anything. What Node compiles of it is kept in
 * `.cache` where that can be written.
 */
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';

enableCompileCache(join(import.meta.dirname, '..', '.cache', 'node'));
const [{ startProcess }, { startGateway }] = await Promise.all([import('../operator/process.ts'), import('./start.ts')]);
await startProcess('gateway', startGateway);
// Now, since a process that is killed does not write it.
flushCompileCache();
