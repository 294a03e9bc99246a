/** Resources of a sandbox in the units of Daytona: whole cores, and GiB. */
import type { SandboxSpec } from '../transport.ts';

const FACTORS: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Limits, else requests; rounded up, since Daytona takes no fractions. */
export function resourcesOf({ resources, workspaceSize }: SandboxSpec): { cpu?: number; memory?: number; disk?: number } {
  const of = (name: string): number | undefined => amountOf(resources?.limits?.[name] ?? resources?.requests?.[name]);
  const [cpu, memory] = [of('cpu'), of('memory')];
  const disk = amountOf(workspaceSize) ?? of('ephemeral-storage');
  const gib = (bytes: number): number => Math.max(1, Math.ceil(bytes / 2 ** 30));
  return {
    ...(cpu !== undefined && { cpu: Math.max(1, Math.ceil(cpu)) }),
    ...(memory !== undefined && { memory: gib(memory) }),
    ...(disk !== undefined && { disk: gib(disk) }),
  };
}

/** A Kubernetes quantity as a number; undefined for what is none. */
function amountOf(quantity: number | string | undefined): number | undefined {
  if (quantity === undefined || typeof quantity === 'number') return quantity;
  const [, digits = '', suffix = ''] = /^\+?([0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)$/.exec(quantity) ?? [];
  const factor = FACTORS[suffix];
  const amount = Number.parseFloat(digits);
  return factor === undefined || !Number.isFinite(amount) ? undefined : amount * factor;
}
