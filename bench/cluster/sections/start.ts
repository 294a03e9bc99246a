/**
 * From a session's object to the end of its first command, and who took the time. Moments of the Pod are when a watch tells
 * of them: its own times are whole seconds. Moments of the session are those of its log. Both are of this machine's clock.
 */
import type { SessionEvent } from '../../../operator/engine/events.ts';
import { PODS, type Pod } from '../../../operator/sandbox/pod/objects.ts';
import type { TestCluster } from '../../../test/cluster/find-cluster.ts';
import { bash, plan } from '../../../test/support/scripted-sessions.ts';
import type { Report, SectionOptions } from '../../section.ts';
import { summary } from '../../statistics.ts';
import { ms, table } from '../../table.ts';
import { Bed, SESSION_MS } from '../bed.ts';
import { readMetrics, type Sample, sum } from '../metrics.ts';

/** Moments of a Pod by name, in ms since 1970. */
type Seen = Partial<Record<'created' | 'PodScheduled' | 'Initialized' | 'started' | 'Ready', number>>;

/** Stages in order, in ms. */
type Stages = Record<'toPod' | 'scheduled' | 'initialized' | 'started' | 'ready' | 'seeded' | 'asked' | 'done', number>;

export async function start(cluster: TestCluster, { quick, progress }: SectionOptions): Promise<Report> {
  const count = quick ? 2 : 12;
  await using bed = await Bed.open(cluster);
  await using pods = await PodWatch.begin(bed);
  const { model } = bed.installation;
  const { OPENAI_BASE_URL = '', MODEL_NAME = '' } = bed.installation.operatorEnvironment('operator');
  const operator = await bed.operator({ OPENAI_BASE_URL, MODEL_NAME });
  const probes = String((await operator.logs('the operator is up')).probes);
  const { url } = await bed.installation.repository('receipt');
  const all: Stages[] = [];
  const own: { started: number; ready: number }[] = [];
  let before: Sample[] = [];
  // The first loads what a first session needs, and fetches the repository.
  for (let index = 0; index <= count; index++) {
    progress(`start: ${index} of ${count}`);
    const name = `start-${index}`;
    const { uid, at } = await bed.session(name, url, model.on(`Look around ${index}`, { plan: [bash('true'), plan()] }));
    await bed.completed(name);
    const pod = pods.of(`${name}-sandbox`);
    if (index > 0) {
      all.push(stagesOf(at, pod.seen, await bed.log.read(uid, 0)));
      own.push(ownTimes(pod.latest));
    } else before = await readMetrics(probes);
    await bed.remove(name);
  }
  const answers = meanAnswers(before, await readMetrics(probes));
  const of = (pick: (stages: Stages) => number) => summary(all.map(pick));
  const row = (what: string, whose: string, pick: (stages: Stages) => number) => {
    const { p50, p95 } = of(pick);
    return [what, whose, ms(p50), ms(p95)];
  };
  const kubelet = (one: Stages) => one.scheduled + one.initialized + one.started + one.ready;
  const ours = (one: Stages) => one.toPod + one.seeded + one.asked + one.done;
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
          row('→ connected, repository in it', 'ours', (one) => one.seeded),
          row('→ first command asked for, a model call', 'ours', (one) => one.asked),
          row('→ first command done', 'ours', (one) => one.done),
          row('all of it', '', (one) => kubelet(one) + ours(one)),
          row('scheduler and kubelet', 'cluster', kubelet),
          row('the rest', 'ours', ours),
        ],
      ),
      `  Ours are also what the API server takes to answer (on average ${answers}) and the one exec of the link.`,
      `  By the Pod's own times, which are whole seconds: created → startedAt ${seconds(({ started }) => started)} s, → ContainersReady ${seconds(({ ready }) => ready)} s (p50–p95).`,
    ],
    aims: [
      {
        what: 'object created → first command done without scheduler and kubelet, p95',
        value: of(ours).p95,
        most: 150,
        unit: 'ms',
      },
    ],
  };
}

function stagesOf(created: number, pod: Seen, events: readonly SessionEvent[]): Stages {
  const at = (name: keyof Seen) => pod[name] ?? Number.NaN;
  const event = (type: SessionEvent['type']) => Date.parse(events.find((one) => one.type === type)?.time ?? '');
  const [seeded, asked] = [event('sandbox.ready'), event('tool.started')];
  return {
    toPod: at('created') - created,
    scheduled: at('PodScheduled') - at('created'),
    initialized: at('Initialized') - at('PodScheduled'),
    started: at('started') - at('Initialized'),
    ready: at('Ready') - at('started'),
    seeded: seeded - at('Ready'),
    asked: asked - seeded,
    done: event('tool.finished') - asked,
  };
}

/** What the API server took for the requests on the way to a Pod, in words. */
function meanAnswers(before: readonly Sample[], after: readonly Sample[]): string {
  const name = 'swe_agent_kubernetes_request_duration_seconds';
  const kinds = [
    ['finalizer', 'patch', 'agentsessions'],
    ['NetworkPolicy', 'create', 'networkpolicies'],
    ['Pod', 'create', 'pods'],
  ] as const;
  return kinds
    .map(([what, verb, resource]) => {
      const grown = (part: string) =>
        sum(after, `${name}_${part}`, { verb, resource }) - sum(before, `${name}_${part}`, { verb, resource });
      return `${what} ${ms((1000 * grown('sum')) / grown('count'))} ms`;
    })
    .join(', ');
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
