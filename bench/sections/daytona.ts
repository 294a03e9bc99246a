/**
 * Sandboxes at Daytona beside those on this machine: time per step, and how many requests one takes, near and at a distance.
 * The service is that of the tests, with real processes: what is measured is the way there, not Daytona's own machines.
 */
import { join } from 'node:path';
import { DaytonaServer } from '../../test/support/daytona/server.ts';
import { now } from '../clock.ts';
import { Distance } from '../distance.ts';
import { ScriptedModel, stepTimes } from '../scripted-model.ts';
import { freshId, type Report, type SectionOptions, workFolder } from '../section.ts';
import { summary } from '../statistics.ts';
import { startProduct } from '../system.ts';
import { ms, ratio, table } from '../table.ts';
import type { Workload } from '../workload.ts';

const SIZES = [10, 7_000];
const SETUP_MS = 60_000;
const PER_STEP_MS = 3_000;

type Place = { name: string; roundTripMs?: number; polls?: boolean };
const PLACES: readonly Place[] = [
  { name: 'this machine' },
  { name: 'Daytona, next door', roundTripMs: 0 },
  { name: 'Daytona, 50 ms away', roundTripMs: 50 },
  { name: 'the same without WebSockets', roundTripMs: 50, polls: true },
];

type Run = { setUp: number; steps: number[]; requests: number };

export async function daytona({ quick, progress }: SectionOptions): Promise<Report> {
  const steps = quick ? 20 : 100;
  const sizes = quick ? SIZES.slice(0, 1) : SIZES;
  await using model = await ScriptedModel.start();
  const rows: string[][] = [];
  for (const bytes of sizes) {
    let here = summary([]);
    for (const place of PLACES) {
      progress(`daytona: ${steps} × ${bytes} B, ${place.name}`);
      const run = await measure(place, { id: freshId(), steps, bytes, thinkMs: 0, hold: -1 }, model);
      const { p50, p95 } = summary(run.steps);
      if (place.roundTripMs === undefined) here = { count: steps, p50, p95 };
      const requests = place.roundTripMs === undefined ? '' : (run.requests / steps).toFixed(1);
      rows.push([place.name, `${bytes} B`, ms(run.setUp), ms(p50), ms(p95), ratio(p50, here.p50), requests]);
    }
  }
  const headers = ['', 'output', 'POST → first request ms', 'step p50 ms', 'p95 ms', '× here p50', 'requests a step'];
  return { title: 'Sandboxes at Daytona (a server of our own in its place)', lines: [table(headers, rows)] };
}

/** The second session of a system, so that nothing is loaded for the first time. */
async function measure(place: Place, workload: Workload, model: ScriptedModel): Promise<Run> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await workFolder());
  const env: NodeJS.ProcessEnv = {};
  let server: DaytonaServer | undefined;
  if (place.roundTripMs !== undefined) {
    const started = await DaytonaServer.start(join(folder.path, 'daytona'));
    stack.defer(() => started.close());
    server = started;
    server.refusesWebSockets = place.polls === true;
    const between = stack.use(await Distance.to(Number(new URL(server.url).port), place.roundTripMs));
    server.seenAt = between.origin;
    Object.assign(env, {
      SANDBOX_TYPE: 'daytona',
      DAYTONA_API_KEY: server.apiKey,
      DAYTONA_SERVER_URL: `${between.origin}${new URL(server.url).pathname}`,
    });
  }
  const system = stack.use(await startProduct({ folder: folder.path, baseUrl: model.baseUrl, env }));
  const work = async (one: Workload): Promise<Run> => {
    const done = model.done(one.id, SETUP_MS + one.steps * PER_STEP_MS);
    const first = model.request(SETUP_MS, ({ id }) => id === one.id);
    const began = now();
    const { id } = await system.post(folder.repository, one);
    const setUp = (await first).receivedAt - began;
    const before = requestsTo(server);
    // Where it stands says more than that it is late.
    await done.catch(() => system.until(id, 'COMPLETED', 0));
    const requests = requestsTo(server) - before;
    await system.until(id, 'COMPLETED', SETUP_MS);
    return { setUp, steps: stepTimes(await model.take(), one.id), requests };
  };
  await work({ ...workload, id: freshId(), steps: 5 });
  // Awaited here, before everything is taken down.
  return await work(workload);
}

function requestsTo(server: DaytonaServer | undefined): number {
  return server ? server.asked.values().reduce((sum, count) => sum + count, 0) : 0;
}
