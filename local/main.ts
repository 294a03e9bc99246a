/**
 * `make run`: starts the single-machine system. What Node compiles of it is kept in `.cache`, so that every start but the
 * first takes less than half the time; where that folder cannot be written, nothing is kept. scripts/node has said so
 * already; a start without it says so here.
 */
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';

enableCompileCache(join(import.meta.dirname, '..', '.cache', 'node'));
const { serve } = await import('./serve.ts');
await serve();
// Now, since a process that is killed does not write it.
flushCompileCache();
