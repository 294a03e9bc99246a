/**
 * What many sessions cost an operator that has nothing to do for them: half of them are over, half wait for a profile.
 * First it sees them for the first time, then it is started again and finds everything as it left it.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentSession, API_VERSION, FINALIZER, RESOURCES } from '../../../operator/api/resources.ts';
import { KubeError } from '../../../operator/kube/client.ts';
import type { TestCluster } from '../../../test/cluster/find-cluster.ts';
import type { SystemProcess } from '../../../test/cluster/installation.ts';
import { now } from '../../clock.ts';
import { processTree } from '../../process-tree.ts';
import { freshId, type Report, type SectionOptions } from '../../section.ts';
import { ms, table } from '../../table.ts';
import { goalOf } from '../../workload.ts';
import { Bed } from '../bed.ts';
import { reconcilesIn, settled, writesIn } from '../metrics.ts';

const PAGE = 500;
/** Requests at the same time, when objects are made and removed. */
const AT_ONCE = 16;
const QUIET_MS = 3_000;
const IDLE_MS = 10_000;
const PER_OBJECT_MS = 100;
const SLACK_MS = 60_000;
/** Of utime and stime in /proc. */
const TICKS_PER_SECOND = 100;

export function objects(cluster: TestCluster, options: SectionOptions): Promise<Report> {
  return costOf(cluster, options.quick ? [100] : [0, 1_000], options);
}

export function manyObjects(cluster: TestCluster, options: SectionOptions): Promise<Report> {
  return costOf(cluster, options.quick ? [1_000] : [10_000], options);
}

type Run = {
  readyMs: number;
  settledMs: number;
  cpuSeconds: number;
  peakMb: number;
  rssMb: number;
  idleCpu: number;
  reconciles: number;
  writes: number;
};

async function costOf(cluster: TestCluster, sizes: readonly number[], { progress }: SectionOptions): Promise<Report> {
  const rows: string[][] = [];
  const notes: string[] = [];
  for (const size of sizes) {
    await using bed = await Bed.open(cluster);
    await using stack = new AsyncDisposableStack();
    progress(`objects: a session to copy`);
    const over = await finishedSession(bed);
    stack.defer(() => removeAll(bed, size, progress));
    const began = now();
    await inParallel(size, async (index) => {
      progress(`objects: making ${index} of ${size}`);
      await makeObject(bed, `s${index}`, index % 2 === 0 ? over : undefined);
    });
    const madeMs = now() - began;
    if (size > 0) {
      const list = await relist(bed);
      notes.push(
        `  ${size} objects: made in ${(madeMs / 1000).toFixed(1)} s; a list of them all, ${PAGE} a page, takes ${ms(list.ms)} ms and brings ${(list.bytes / 1024 ** 2).toFixed(1)} MB.`,
      );
    }
    for (const what of size === 0 ? ['nothing'] : ['first sight', 'started again']) {
      progress(`objects: ${size}, ${what}`);
      rows.push(rowOf(size, what, await observe(bed, size)));
    }
  }
  return {
    title: 'An operator with many sessions: half of them Completed, half Queued for want of a profile',
    lines: [
      table(['', '', 'ready ms', 'settled s', 'CPU s', 'idle CPU %', 'RSS MB', 'at most', 'reconciles', 'writes'], rows),
      '  Ready: process start → all lists are read. Settled: until the last reconcile and write. CPU of the process until then.',
      ...notes,
    ],
  };
}

function rowOf(size: number, what: string, one: Run): string[] {
  return [
    `${size} objects`,
    what,
    ms(one.readyMs),
    (one.settledMs / 1000).toFixed(1),
    one.cpuSeconds.toFixed(1),
    one.idleCpu.toFixed(1),
    one.rssMb.toFixed(0),
    one.peakMb.toFixed(0),
    String(one.reconciles),
    String(one.writes),
  ];
}

/** Starts an operator without a model, waits until it has nothing more to do, and stops it. */
async function observe(bed: Bed, size: number): Promise<Run> {
  const { installation } = bed;
  const {
    OPENAI_API_KEY: _key,
    OPENAI_BASE_URL: _url,
    MODEL_NAME: _model,
    ...environment
  } = {
    ...installation.operatorEnvironment('operator'),
    ...bed.environment,
  };
  const began = now();
  const operator = installation.run('operator/main.ts', environment);
  try {
    await operator.logs('sessions are worked on');
    const readyMs = now() - began;
    const probes = String((await operator.logs('the operator is up')).probes);
    const { samples, since } = await settled(probes, QUIET_MS, size * PER_OBJECT_MS + SLACK_MS);
    const cpuSeconds = cpuOf(operator);
    const settledMs = Math.max(readyMs, now() - began - (performance.now() - since));
    const rss = memoryOf(operator);
    await sleep(IDLE_MS);
    const idleCpu = ((cpuOf(operator) - cpuSeconds) * 100_000) / IDLE_MS;
    const writes = [...writesIn(samples).values()].reduce((total, count) => total + count, 0);
    return {
      readyMs,
      settledMs,
      cpuSeconds,
      peakMb: rss.peak,
      rssMb: rss.now,
      idleCpu,
      reconciles: reconcilesIn(samples),
      writes,
    };
  } finally {
    await operator.stop();
  }
}

/** A session that was really worked on, so that copies of it are as large as one is. */
async function finishedSession(bed: Bed): Promise<AgentSession> {
  const operator = await bed.operator();
  const { url } = await bed.installation.repository('receipt');
  await bed.session('model', url, goalOf({ id: freshId(), steps: 20, bytes: 1_000, thinkMs: 0, hold: -1 }));
  const session = await bed.completed('model');
  await bed.remove('model');
  await bed.installation.must('delete', 'aiprofiles', '--all');
  await operator.stop();
  return session;
}

async function makeObject(bed: Bed, name: string, over: AgentSession | undefined): Promise<void> {
  const signal = AbortSignal.timeout(SLACK_MS);
  const spec = over?.spec ?? { goal: 'Wait for a profile.', repository: { url: 'https://git.example/receipt.git' } };
  const made = await bed.client.create<AgentSession>(
    RESOURCES.sessions,
    {
      apiVersion: API_VERSION,
      kind: 'AgentSession',
      metadata: { name, namespace: bed.namespace, ...(over && { finalizers: [FINALIZER] }) },
      spec,
    },
    signal,
  );
  if (!over) return;
  const status = { ...over.status, observedGeneration: made.metadata.generation };
  await bed.client.mergePatch(RESOURCES.sessions, bed.namespace, name, { status }, 'status', signal);
}

/** No operator runs: nothing else takes the finalizers away. */
async function removeAll(bed: Bed, size: number, progress: (text: string) => void): Promise<void> {
  await inParallel(size, async (index) => {
    progress(`objects: removing ${index} of ${size}`);
    const signal = AbortSignal.timeout(SLACK_MS);
    const name = `s${index}`;
    try {
      await bed.client.mergePatch(RESOURCES.sessions, bed.namespace, name, { metadata: { finalizers: null } }, undefined, signal);
      await bed.client.delete(RESOURCES.sessions, bed.namespace, name, {}, signal);
    } catch (error) {
      if (!(error instanceof KubeError && error.code === 404)) throw error;
    }
  });
}

/** As the operator lists. */
async function relist(bed: Bed): Promise<{ ms: number; bytes: number }> {
  let [took, bytes] = [0, 0];
  let next: string | undefined;
  do {
    const began = now();
    const page = await bed.client.list<AgentSession>(
      RESOURCES.sessions,
      { namespace: bed.namespace, limit: PAGE, ...(next !== undefined && { continue: next }) },
      AbortSignal.timeout(SLACK_MS),
    );
    took += now() - began;
    bytes += JSON.stringify(page.items).length;
    next = page.continue;
  } while (next !== undefined);
  return { ms: took, bytes };
}

/** Does the work for every index, some at a time. */
async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function cpuOf({ pid }: SystemProcess): number {
  return (processTree(pid).find((one) => one.pid === pid)?.cpuTicks ?? Number.NaN) / TICKS_PER_SECOND;
}

/** In MB. */
function memoryOf({ pid }: SystemProcess): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024;
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') };
}
