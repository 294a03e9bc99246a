/** What the operator counts, as /metrics shows it. */

export type Sample = { name: string; labels: Record<string, string>; value: number };

const READ_MS = 10_000;

/** @param probes where /metrics is */
export async function readMetrics(probes: string): Promise<Sample[]> {
  const response = await fetch(`${probes}/metrics`, { signal: AbortSignal.timeout(READ_MS) });
  return parseMetrics(await response.text());
}

/** Samples of the text format of Prometheus. */
export function parseMetrics(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text]);
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

export function sum(samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number {
  const fits = (sample: Sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value);
  return samples.filter((sample) => sample.name === name && fits(sample)).reduce((total, { value }) => total + value, 0);
}

const WRITES: readonly string[] = ['create', 'update', 'patch', 'delete'];
const REQUESTS = 'swe_agent_kubernetes_requests_total';

/** Writes to the Kubernetes API by verb and resource. */
export function writesIn(samples: readonly Sample[]): Map<string, number> {
  const writes = new Map<string, number>();
  for (const { name, labels, value } of samples) {
    if (name !== REQUESTS || !WRITES.includes(labels.verb ?? '')) continue;
    const kind = `${labels.verb} ${labels.resource}`;
    writes.set(kind, (writes.get(kind) ?? 0) + value);
  }
  return writes;
}

export function reconcilesIn(samples: readonly Sample[], labels: Record<string, string> = {}): number {
  return sum(samples, 'swe_agent_reconciles_total', labels);
}

/** Waits until neither writes nor reconciles have come for a while. @throws when they do not end in time */
export async function settled(probes: string, quietMs: number, timeoutMs: number): Promise<{ samples: Sample[]; since: number }> {
  const deadline = performance.now() + timeoutMs;
  const reading = async () => {
    const samples = await readMetrics(probes);
    const total = [...writesIn(samples).values()].reduce((all, count) => all + count, 0);
    return { samples, counts: `${total} ${reconcilesIn(samples)} ${sum(samples, 'swe_agent_workqueue_depth')}` };
  };
  let last = await reading();
  let since = performance.now();
  while (performance.now() - since < quietMs) {
    if (performance.now() > deadline) throw new Error(`the operator has not settled within ${timeoutMs} ms: ${last.counts}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const next = await reading();
    if (next.counts !== last.counts) since = performance.now();
    last = next;
  }
  return { samples: last.samples, since };
}
