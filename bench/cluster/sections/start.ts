/**
 * From a session's object to the end of its first command, and who took the time. Moments of the Pod are when a watch tells
 * of them: its own times are whole seconds. When its container began, its first process tells. Moments of the session are
 * those of its log. All are of this machine's clock, or of one that is set by the same.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionEvent } from '../../../operator/engine/events.ts';
import { PODS, type Pod } from '../../../operator/sandbox/pod/objects.ts';
import type { TestCluster } from '../../../test/cluster/find-cluster.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { bash, plan } from '../../../test/support/scripted-sessions.ts';
import type { Report, SectionOptions } from '../../section.ts';
import { summary } from '../../statistics.ts';
import { ms, table } from '../../table.ts';
import { Bed, SESSION_MS } from '../bed.ts';
import { firstProcessAt } from '../first-process.ts';
import { readMetrics, type Sample, sum } from '../metrics.ts';

/** Moments of a Pod by name, in ms since 1970. */
type Seen = Partial<Record<'created' | 'PodScheduled' | 'Initialized' | 'Ready', number>>;

/** Moments of one start, in ms since its object was there. */
type Moments = Record<'created' | 'scheduled' | 'initialized' | 'began' | 'ready' | 'seeded' | 'asked' | 'done', number>;
/** Between Pods, so that the end of one is not measured with the beginning of the next. */
const REST_MS = 1_500;

export async function start(cluster: TestCluster, { quick, progress }: SectionOptions): Promise<Report> {
  const count = quick ? 2 : 12;
  await using bed = await Bed.open(cluster);
  await using pods = await PodWatch.begin(bed);
  const { model } = bed.installation;
  const { OPENAI_BASE_URL = '', MODEL_NAME = '' } = bed.installation.operatorEnvironment('operator');
  const operator = await bed.operator({ OPENAI_BASE_URL, MODEL_NAME });
  const probes = String((await operator.logs('the operator is up')).probes);
  const { url } = await bed.installation.repository('receipt');
  const all: Moments[] = [];
  let before: Sample[] = [];
  // The first loads what a first session needs, and fetches the repository.
  for (let index = 0; index <= count; index++) {
    progress(`start: ${index} of ${count}`);
    const name = `start-${index}`;
    const { uid, at } = await bed.session(name, url, model.on(`Look around ${index}`, { plan: [bash('true'), plan()] }));
    await bed.completed(name);
    // A session can be over before its Pod is reported to be there.
    await eventually('the Pod to be Ready', () => pods.of(`${name}-sandbox`).Ready !== undefined);
    const pod = `${name}-sandbox`;
    if (index > 0) all.push(momentsOf(at, pods.of(pod), await firstProcessAt(bed, pod), await bed.log.read(uid, 0)));
    else before = await readMetrics(probes);
    await bed.remove(name);
    await sleep(REST_MS);
  }
  const answers = meanAnswers(before, await readMetrics(probes));
  const of = (pick: (one: Moments) => number) => summary(all.map(pick));
  const row = (what: string, whose: string, pick: (one: Moments) => number) => {
    const { p50, p95 } = of(pick);
    return [what, whose, ms(p50), ms(p95)];
  };
  // What it would have taken if all that comes after the Pod took no time.
  const kubernetes = (one: Moments) => one.ready - one.created;
  const ours = (one: Moments) => one.created + Math.max(0, one.done - one.ready);
  return {
    title: `Session object created → first command done, ${count} sessions one after another (python:3.12-slim with the toolbox)`,
    lines: [
      table(
        ['', 'whose', 'p50 ms', 'p95 ms'],
        [
          row('object created → Pod created', 'ours', (one) => one.created),
          row('→ scheduled', 'scheduler', (one) => one.scheduled - one.created),
          row('→ toolbox copied (Initialized)', 'kubelet', (one) => one.initialized - one.scheduled),
          row("→ the container's first process", 'kubelet', (one) => one.began - one.initialized),
          row('→ connected, repository in it', 'ours', (one) => one.seeded - one.began),
          row('→ first command asked for, a model call', 'ours', (one) => one.asked - one.seeded),
          row('→ first command done', 'ours', (one) => one.done - one.asked),
          row('all of it', '', (one) => one.done),
          row('Pod created → Ready, as the kubelet reports it', 'cluster', kubernetes),
          row('before that Pod was created, and after it was Ready', 'ours', ours),
          row('the same after the first process, reported or not', 'ours', (one) => one.created + one.done - one.began),
        ],
      ),
      `  Ours are also what the API server takes to answer (on average ${answers}) and the one exec of the link.`,
      '  The kubelet reports a container up to a second after it began; the operator does not wait for that.',
    ],
    aims: [
      {
        what: 'object created → first command done, beyond Pod created → Ready, p95',
        value: of(ours).p95,
        most: 150,
        unit: 'ms',
      },
    ],
  };
}

function momentsOf(object: number, pod: Seen, began: number, events: readonly SessionEvent[]): Moments {
  const seen = (name: keyof Seen) => (pod[name] ?? Number.NaN) - object;
  const event = (type: SessionEvent['type']) => Date.parse(events.find((one) => one.type === type)?.time ?? '') - object;
  return {
    created: seen('created'),
    scheduled: seen('PodScheduled'),
    initialized: seen('Initialized'),
    began: began - object,
    ready: seen('Ready'),
    seeded: event('sandbox.ready'),
    asked: event('tool.started'),
    done: event('tool.finished'),
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

/** Keeps when each Pod of the namespace was first seen in each state. */
class PodWatch implements AsyncDisposable {
  readonly #pods = new Map<string, Seen>();
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();

  static async begin(bed: Bed): Promise<PodWatch> {
    const watch = new PodWatch();
    const { namespace } = bed;
    const { resourceVersion } = await bed.client.list<Pod>(PODS, { namespace }, AbortSignal.timeout(SESSION_MS));
    watch.#done = watch.#run(bed, resourceVersion);
    return watch;
  }

  of(name: string): Seen {
    return this.#pods.get(name) ?? {};
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
    const seen = this.#pods.get(pod.metadata.name) ?? {};
    this.#pods.set(pod.metadata.name, seen);
    const isTrue = (type: string) => pod.status?.conditions?.some((one) => one.type === type && one.status === 'True');
    seen.created ??= at;
    for (const name of ['PodScheduled', 'Initialized', 'Ready'] as const) if (isTrue(name)) seen[name] ??= at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the measurement is over'));
    await this.#done;
  }
}
