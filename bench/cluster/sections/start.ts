/**
 * From a session's object to the end of its first command, and who took the time. Moments of the Pod are when a watch tells
 * of them: its own times are whole seconds. Moments of the session are those of its log. Both are of this machine's clock.
 */
import type { SessionEvent } from '../../../operator/engine/events.ts';
import { PODS, type Pod } from '../../../operator/sandbox/pod/objects.ts';
import type { TestCluster } from '../../../test/cluster/find-cluster.ts';
import type { Exchange } from '../../model-server-main.ts';
import { freshId, type Report, type SectionOptions } from '../../section.ts';
import { summary } from '../../statistics.ts';
import { ms, table } from '../../table.ts';
import { Bed, SESSION_MS } from '../bed.ts';

/** Moments of a Pod by name, in ms since 1970. */
type Seen = Partial<Record<'created' | 'PodScheduled' | 'Initialized' | 'started' | 'Ready', number>>;

/** Stages in order, in ms. */
type Stages = {
  toPod: number;
  scheduled: number;
  initialized: number;
  started: number;
  ready: number;
  connected: number;
  cloned: number;
  asked: number;
  done: number;
  /** What the model took of `asked`. */
  model: number;
};

export async function start(cluster: TestCluster, { quick, progress }: SectionOptions): Promise<Report> {
  const count = quick ? 2 : 12;
  await using bed = await Bed.open(cluster);
  await using pods = await PodWatch.begin(bed);
  await bed.operator();
  const { url } = await bed.installation.repository('receipt');
  const all: Stages[] = [];
  const own: { started: number; ready: number }[] = [];
  // The first loads what a first session needs, and fetches the repository.
  for (let index = 0; index <= count; index++) {
    progress(`start: ${index} of ${count}`);
    const name = `start-${index}`;
    const workload = { id: freshId(), steps: 1, bytes: 10, thinkMs: 0, hold: -1 };
    const { uid, time } = await bed.session(name, url, workload);
    await bed.completed(name);
    const pod = pods.of(`${name}-sandbox`);
    if (index > 0) {
      all.push(stagesOf(time, pod.seen, await bed.log.read(uid, 0), await bed.model.take()));
      own.push(ownTimes(pod.latest));
    } else await bed.model.take();
    await bed.remove(name);
  }
  const of = (pick: (stages: Stages) => number) => summary(all.map(pick));
  const row = (what: string, whose: string, pick: (stages: Stages) => number) => {
    const { p50, p95 } = of(pick);
    return [what, whose, ms(p50), ms(p95)];
  };
  const kubelet = (one: Stages) => one.scheduled + one.initialized + one.started + one.ready;
  const ours = (one: Stages) => one.toPod + one.connected + one.cloned + one.asked + one.done - one.model;
  const seconds = (pick: (times: { started: number; ready: number }) => number) =>
    `${summary(own.map(pick)).p50}–${summary(own.map(pick)).p95}`;
  return {
    title: `Session object created → first command done, ${count} sessions one after another (python:3.12-slim with the toolbox)`,
    lines: [
      table(
        ['', 'whose', 'p50 ms', 'p95 ms'],
        [
          row('object created → Pod created', 'ours', (one) => one.toPod),
          row('→ scheduled', 'scheduler', (one) => one.scheduled),
          row('→ toolbox copied (Initialized)', 'kubelet', (one) => one.initialized),
          row('→ container runs', 'kubelet', (one) => one.started),
          row('→ Ready', 'kubelet', (one) => one.ready),
          row('→ connected', 'ours', (one) => one.connected),
          row('→ repository there', 'ours', (one) => one.cloned),
          row('→ first command asked for (two model calls)', 'ours', (one) => one.asked - one.model),
          row('', 'model', (one) => one.model),
          row('→ first command done', 'ours', (one) => one.done),
          row('all of it', '', (one) => kubelet(one) + ours(one) + one.model),
          row('the cluster', 'cluster', kubelet),
          row('the rest', 'ours', ours),
        ],
      ),
      `  By the Pod's own times, which are whole seconds: created → startedAt ${seconds(({ started }) => started)} s, → ContainersReady ${seconds(({ ready }) => ready)} s (p50–p95).`,
    ],
    aims: [
      { what: 'object created → first command done without cluster and model, p95', value: of(ours).p95, most: 150, unit: 'ms' },
    ],
  };
}

function stagesOf(created: number, pod: Seen, events: readonly SessionEvent[], exchanges: readonly Exchange[]): Stages {
  const at = (name: keyof Seen) => pod[name] ?? Number.NaN;
  const event = (type: SessionEvent['type'], from = 0) => {
    const found = events.find((one) => one.type === type && Date.parse(one.time) >= from);
    return found ? Date.parse(found.time) : Number.NaN;
  };
  const command = events.find((one) => one.type === 'tool.started' && one.name === 'bash');
  const asked = command ? Date.parse(command.time) : Number.NaN;
  const [connected, cloned] = [event('sandbox.ready'), event('repository.cloned')];
  // Those of the planner, and the programmer's first.
  const before = exchanges.filter(({ role, call }) => role === 'planner' || (role === 'programmer' && call === 0));
  return {
    toPod: at('created') - created,
    scheduled: at('PodScheduled') - at('created'),
    initialized: at('Initialized') - at('PodScheduled'),
    started: at('started') - at('Initialized'),
    ready: at('Ready') - at('started'),
    connected: connected - at('Ready'),
    cloned: cloned - connected,
    asked: asked - cloned,
    done: event('tool.finished', asked) - asked,
    model: before.reduce((sum, { receivedAt, answeredAt }) => sum + answeredAt - receivedAt, 0),
  };
}

/** Seconds from the Pod's creation, of its own conditions. */
function ownTimes(pod: Pod | undefined): { started: number; ready: number } {
  const from = Date.parse(pod?.metadata.creationTimestamp ?? '');
  const conditions: { type: string; lastTransitionTime?: string }[] = pod?.status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === 'ContainersReady')?.lastTransitionTime;
  const started = pod?.status?.containerStatuses?.[0]?.state?.running?.startedAt;
  return { started: (Date.parse(started ?? '') - from) / 1000, ready: (Date.parse(ready ?? '') - from) / 1000 };
}

/** Keeps when each Pod of the namespace was first seen in each state. */
class PodWatch implements AsyncDisposable {
  readonly #pods = new Map<string, { seen: Seen; latest: Pod | undefined }>();
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();

  static async begin(bed: Bed): Promise<PodWatch> {
    const watch = new PodWatch();
    const { namespace } = bed;
    const { resourceVersion } = await bed.client.list<Pod>(PODS, { namespace }, AbortSignal.timeout(SESSION_MS));
    watch.#done = watch.#run(bed, resourceVersion);
    return watch;
  }

  of(name: string): { seen: Seen; latest: Pod | undefined } {
    return this.#pods.get(name) ?? { seen: {}, latest: undefined };
  }

  async #run({ client, namespace }: Bed, resourceVersion: string): Promise<void> {
    const { signal } = this.#stop;
    try {
      let from = resourceVersion;
      while (!signal.aborted) {
        for await (const change of client.watch<Pod>(PODS, { namespace, resourceVersion: from }, signal)) {
          if (change.type === 'BOOKMARK') from = change.resourceVersion;
          else {
            from = change.object.metadata.resourceVersion ?? from;
            if (change.type !== 'DELETED') this.#note(change.object, Date.now());
          }
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #note(pod: Pod, at: number): void {
    const one = this.#pods.get(pod.metadata.name) ?? { seen: {}, latest: undefined };
    this.#pods.set(pod.metadata.name, one);
    one.latest = pod;
    const { seen } = one;
    const isTrue = (type: string) => pod.status?.conditions?.some((one) => one.type === type && one.status === 'True');
    seen.created ??= at;
    for (const name of ['PodScheduled', 'Initialized', 'Ready'] as const) if (isTrue(name)) seen[name] ??= at;
    if (pod.status?.containerStatuses?.some(({ state }) => state?.running)) seen.started ??= at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the measurement is over'));
    await this.#done;
  }
}
