/**
 * The operator of a cluster as a process. What Node compiles of it is kept in `.cache` where that can be written, so that
 * every start but the first takes less than half the time.
 */
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';

enableCompileCache(join(import.meta.dirname, '..', '.cache', 'node'));
const [{ startProcess }, { startOperator }] = await Promise.all([import('./process.ts'), import('./start.ts')]);
await startProcess('operator', startOperator);
// Now, since a process that is killed does not write it.
flushCompileCache();
