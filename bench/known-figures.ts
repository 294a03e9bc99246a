/** Figures measured elsewhere, on a machine of two cores with the same kind of scripted model. They are not from this run. */
import { table } from './table.ts';

export const KNOWN_FIGURES = table(
  ['', 'p50 ms', 'p95 ms'],
  [
    ['a bare Node loop, per step', '4.0', '9.0'],
    ['the leanest terminal agent, per step', '7.0', '13.3'],
    ['other terminal agents, per step', '18–118', ''],
    ['running sh', '1.6', ''],
    ['running sh under a new bubblewrap', '4.7', ''],
    ['the fastest terminal agent, from its start to its first model request', '197', ''],
  ],
);
