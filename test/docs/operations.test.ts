import { describe, expect, it } from '@jest/globals';
import { type MetricObject, Registry } from 'prom-client';
import { GatewayMetrics } from '../../api-gateway/metrics.ts';
import { SqliteEventLog } from '../../operator/engine/sqlite-log.ts';
import { kubernetesMetrics } from '../../operator/metrics/kubernetes-metrics.ts';
import { OperatorMetrics } from '../../operator/metrics/operator-metrics.ts';
import { measureProcess } from '../../operator/metrics/process-metrics.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { marked, read } from './documents.ts';

const operations = read('docs/operations.md');

/** The cells of the table between two marks, without backticks. */
function rows(name: string): string[][] {
  const lines = marked(operations, name)
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.replaceAll('`', '').trim()),
  );
}

function labelsOf(metric: MetricObject): string[] {
  const labels: unknown = Reflect.get(metric, 'labelNames');
  if (!Array.isArray(labels)) throw new Error(`the labels of ${metric.name} cannot be seen`);
  return labels.map(String);
}

describe('docs/operations.md', () => {
  it('lists the metrics that there are, each with its kind and labels', async () => {
    await using folder = await temporaryFolder();
    const registry = new Registry();
    const endProcess = measureProcess(registry);
    const log = new SqliteEventLog({ path: `${folder.path}/events.db` });
    const operator = new OperatorMetrics(registry);
    operator.log(log);
    operator.watch(() => ({ working: 0, slots: { max: 0, held: 0, waiting: 0 }, sessions: undefined }));
    kubernetesMetrics(registry);
    new GatewayMetrics(registry);
    await log.close();
    endProcess();
    const there = new Map(
      registry
        .getMetricsAsArray()
        .filter(({ name }) => name.startsWith('swe_agent_'))
        .map((metric) => [metric.name, `${metric.type} ${labelsOf(metric).join(', ')}`]),
    );
    // That of a log in Redis alone.
    there.set('swe_agent_event_log_risks', 'gauge ');
    const told = rows('metrics').map(([name = '', kind = '', labels = '']) => [name, `${kind} ${labels}`] as const);
    expect(told.length).toBeGreaterThan(20);
    expect(new Map(told)).toEqual(there);
  });

  it('says for every alert of the chart what to look at', () => {
    const alerts = [...read('charts/swe-agent/templates/monitoring.yaml').matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    expect(alerts.length).toBeGreaterThan(5);
    expect(new Set(rows('alerts').map(([name]) => name))).toEqual(new Set(alerts));
  });
});
