/** Many sessions at once, with a model that thinks: what each costs, and whether the process still answers. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BareLoop } from '../bare-loop.ts';
import { now } from '../clock.ts';
import type { Exchange } from '../model-server-main.ts';
import { processTree, proportionalMemory, type TreeProcess } from '../process-tree.ts';
import { ScriptedModel } from '../scripted-model.ts';
import { type Aim, freshId, type Report, type SectionOptions, workFolder } from '../section.ts';
import { summary } from '../statistics.ts';
import { startMeasured } from '../system.ts';
import { mb, ms, table } from '../table.ts';
import type { Workload } from '../workload.ts';
import { hasBubblewrap } from './machine.ts';

/** A fast model; with it, two hundred sessions make a hundred steps a second. */
const THINK_MS = 2_000;
const BYTES = 1_000;
const START_MS = 120_000;
/** Of utime and stime in /proc. */
const TICKS_PER_SECOND = 100;

type Load = {
  sessions: number;
  /** Until every session has made its first call as programmer. */
  startMs: number;
  startDelay: number;
  /** How late the event loop was while all were at work, in ms. */
  delay: { p50: number; p99: number; max: number };
  /** Of one core, in percent: the process alone, and with everything that runs in sandboxes. */
  cpu: number;
  treeCpu: number;
  rss: number;
  sandboxes: number;
  stepsPerSecond: number;
  step: { p50: number; p95: number };
};

export async function load({ quick, progress }: SectionOptions): Promise<Report> {
  const sizes = quick ? [1, 20] : [1, 50, 200];
  const windowMs = quick ? 3_000 : 10_000;
  const isolation = hasBubblewrap() ? 'bubblewrap' : 'none';
  const rows: string[][] = [];
  const aims: Aim[] = [];
  for (const sessions of sizes) {
    progress(`load: ${sessions} bare loops`);
    const bare = await bareLoad(sessions, windowMs);
    rows.push(rowOf('bare loop', bare, bare));
    progress(`load: ${sessions} sessions`);
    const ours = await systemLoad(sessions, windowMs, isolation, progress);
    rows.push(rowOf(isolation, ours, bare));
    if (sessions === 1) aims.push({ what: 'RSS with one session', value: ours.rss / 1024 ** 2, most: 220, unit: 'MB' });
    if (sessions === 200)
      aims.push({ what: 'event-loop delay with 200 sessions at work, p99', value: ours.delay.p99, most: 50, unit: 'ms' });
  }
  const headers = [
    '',
    'sessions',
    'all at work ms',
    'delay p99 then',
    'delay p50',
    'p99',
    'max ms',
    'CPU %',
    'with commands',
    '× bare',
    'RSS MB',
    'sandboxes MB',
    'steps/s',
    'step p50',
    'p95 ms',
  ];
  return {
    title: `Sessions at once (model thinks ${THINK_MS / 1000} s, ${BYTES} B of output a step; all posted in one moment)`,
    lines: [
      table(headers, rows),
      '  CPU in percent of one core: the process, and with its commands. Sandboxes: memory of their idle processes.',
    ],
    aims,
  };
}

function rowOf(name: string, one: Load, bare: Load): string[] {
  return [
    name,
    String(one.sessions),
    ms(one.startMs),
    ms(one.startDelay),
    ms(one.delay.p50),
    ms(one.delay.p99),
    ms(one.delay.max),
    one.cpu.toFixed(1),
    one.treeCpu.toFixed(1),
    one === bare ? '' : `${(one.treeCpu / bare.treeCpu).toFixed(1)}×`,
    mb(one.rss),
    mb(one.sandboxes),
    one.stepsPerSecond.toFixed(1),
    ms(one.step.p50),
    ms(one.step.p95),
  ];
}

async function systemLoad(
  sessions: number,
  windowMs: number,
  isolation: 'bubblewrap' | 'none',
  progress: (text: string) => void,
): Promise<Load> {
  await using model = await ScriptedModel.start();
  await using folder = await workFolder();
  await using system = await startMeasured({ folder: folder.path, baseUrl: model.baseUrl, isolation });
  await system.touch();
  await system.measure();
  const began = now();
  const workloads = workloadsFor(sessions);
  const started = model.started(
    workloads.map(({ id }) => id),
    START_MS,
  );
  await Promise.all([started, ...workloads.map((workload) => system.post(folder.repository, workload))]);
  const startMs = now() - began;
  const start = await system.measure();
  progress(`load: ${sessions} sessions at work`);
  await sleep(THINK_MS);
  await model.take();
  const [before, treeBefore, at] = [await system.measure(), system.processes, now()];
  await sleep(windowMs);
  const [after, treeAfter, elapsed] = [await system.measure(), system.processes, now() - at];
  const work = workOf(await model.take(), elapsed);
  const sandboxes = treeAfter.filter(({ pid }) => pid !== system.pid);
  return {
    sessions,
    startMs,
    startDelay: start.delay.p99,
    delay: after.delay,
    cpu: (100 * (after.cpuMs - before.cpuMs)) / elapsed,
    treeCpu: treeCpuOf(treeBefore, treeAfter, elapsed),
    rss: after.rss,
    sandboxes: proportionalMemory(sandboxes),
    ...work,
  };
}

async function bareLoad(sessions: number, windowMs: number): Promise<Load> {
  await using model = await ScriptedModel.start();
  await using loop = await BareLoop.start(model.baseUrl);
  const began = now();
  const workloads = workloadsFor(sessions);
  const started = model.started(
    workloads.map(({ id }) => id),
    START_MS,
  );
  loop.begin(workloads);
  await started;
  const startMs = now() - began;
  await sleep(THINK_MS);
  await model.take();
  const [before, at] = [processTree(loop.pid), now()];
  await sleep(windowMs);
  const [after, elapsed] = [processTree(loop.pid), now() - at];
  const cpu = treeCpuOf(before, after, elapsed);
  const none = { p50: Number.NaN, p99: Number.NaN, max: Number.NaN };
  const work = workOf(await model.take(), elapsed);
  const own = after.filter(({ pid }) => pid === loop.pid);
  return {
    sessions,
    startMs,
    startDelay: Number.NaN,
    delay: none,
    cpu,
    treeCpu: cpu,
    rss: proportionalMemory(own),
    sandboxes: 0,
    ...work,
  };
}

function workloadsFor(sessions: number): Workload[] {
  return Array.from({ length: sessions }, () => ({ id: freshId(), steps: 5_000, bytes: BYTES, thinkMs: THINK_MS, hold: -1 }));
}

/** Steps whose both ends are in the window. */
function workOf(exchanges: readonly Exchange[], elapsedMs: number): Pick<Load, 'stepsPerSecond' | 'step'> {
  const times: number[] = [];
  const answered = new Map<string, number>();
  for (const { id, receivedAt, answeredAt } of exchanges) {
    const before = answered.get(id);
    if (before !== undefined) times.push(receivedAt - before);
    if (answeredAt) answered.set(id, answeredAt);
  }
  return { stepsPerSecond: (exchanges.length * 1000) / elapsedMs, step: summary(times) };
}

/** CPU of processes that are there at both times, with that of their children that came and went. */
function treeCpuOf(before: readonly TreeProcess[], after: readonly TreeProcess[], elapsedMs: number): number {
  const earlier = new Map(before.map((one) => [`${one.pid} ${one.start}`, one.cpuTicks]));
  const ticks = after.reduce((sum, one) => sum + Math.max(0, one.cpuTicks - (earlier.get(`${one.pid} ${one.start}`) ?? 0)), 0);
  return (100 * ticks * 1000) / TICKS_PER_SECOND / elapsedMs;
}
