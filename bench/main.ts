/**
 * `make bench`: measures the system against a bare loop of the same SDK and child_process over the same scripted model.
 *
 *     make bench ARGS="--only step,post --quick"
 *
 * Everything runs on loopback and in temporary folders, and is removed afterwards.
 */
import { KNOWN_FIGURES } from './known-figures.ts';
import { runBenchmark } from './run.ts';
import { append } from './sections/append.ts';
import { daytona } from './sections/daytona.ts';
import { load } from './sections/load.ts';
import { machine } from './sections/machine.ts';
import { post } from './sections/post.ts';
import { ready } from './sections/ready.ts';
import { resume } from './sections/resume.ts';
import { step } from './sections/step.ts';

await runBenchmark({
  command: 'make bench',
  sections: { machine, step, post, append, resume, ready, load, daytona },
  closing: `── Known figures, MEASURED ELSEWHERE on a machine of two cores; none of those agents syncs a step to disk\n\n${KNOWN_FIGURES}`,
});
