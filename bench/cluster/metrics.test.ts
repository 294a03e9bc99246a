import { describe, expect, it } from '@jest/globals';
import { parseMetrics, reconcilesIn, sum, writesIn } from './metrics.ts';

const SHOWN = `# HELP swe_agent_kubernetes_requests_total Requests
# TYPE swe_agent_kubernetes_requests_total counter
swe_agent_kubernetes_requests_total{verb="patch",resource="agentsessions/status",code="200"} 5
swe_agent_kubernetes_requests_total{verb="patch",resource="agentsessions/status",code="409"} 1
swe_agent_kubernetes_requests_total{verb="create",resource="pods",code="201"} 2
swe_agent_kubernetes_requests_total{verb="list",resource="pods",code="200"} 40
swe_agent_reconciles_total{controller="session",result="done"} 12
swe_agent_reconciles_total{controller="profile",result="error"} 3
process_cpu_seconds_total 0.5
`;

describe('the metrics of a measured operator', () => {
  const samples = parseMetrics(SHOWN);

  it('tell writes by kind, those that were refused included, and leave out what only reads', () => {
    expect([...writesIn(samples)]).toEqual([
      ['patch agentsessions/status', 6],
      ['create pods', 2],
    ]);
  });

  it('tell reconciles, all of them or those of one result', () => {
    expect(reconcilesIn(samples)).toBe(15);
    expect(reconcilesIn(samples, { result: 'error' })).toBe(3);
  });

  it('tell samples without labels', () => {
    expect(sum(samples, 'process_cpu_seconds_total')).toBe(0.5);
    expect(sum(samples, 'unknown')).toBe(0);
  });
});
