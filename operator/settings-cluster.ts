/** Settings about a real cluster: the way to it, what is watched there, and the Pods that commands run in. */
import { BlockList, isIP } from 'node:net';
import { API_VERSION } from './api/resources.ts';
import { validateAgentSession } from './api/validators.gen.js';
import type { PodOptions } from './sandbox/pod/manifest.ts';
import type { PodTransportOptions } from './sandbox/pod/transport.ts';
import type { SandboxSpec } from './sandbox/transport.ts';
import type { SettingsReader } from './settings-reader.ts';

/** Pods as sandboxes, as far as it is configured; the rest of what PodTransport needs is known only at run time. */
export type PodSettings = Required<Pick<PodTransportOptions, 'defaults' | 'network' | 'user' | 'readOnlyRootFilesystem'>> &
  Pick<PodOptions, 'toolboxImage'> & {
    /** Undefined: the caller's own default. */
    readonly installation?: string;
  };

export type ClusterSettings = {
  /** The way to the API server; what `clusterAccess` is given. */
  readonly kubeconfig?: string;
  readonly serviceHost?: string;
  readonly servicePort?: string;
  /** Namespaces that the operator works in; all of them, or undefined for the one of REST. */
  readonly watch: readonly string[] | 'all' | undefined;
  /** Whether the operator serves REST as well. */
  readonly gateway: boolean;
  /** 0: any free port. */
  readonly probePort: number;
};

const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const NAMESPACE_RULE = 'a namespace has lower case letters, digits and -, at most 63';

export function clusterSettings(reader: SettingsReader): ClusterSettings {
  const kubeconfig = reader.text('KUBECONFIG');
  const serviceHost = reader.text('KUBERNETES_SERVICE_HOST');
  const servicePort = reader.text('KUBERNETES_SERVICE_PORT');
  return {
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(serviceHost !== undefined && { serviceHost }),
    ...(servicePort !== undefined && { servicePort }),
    watch: watched(reader),
    gateway: reader.flag('SWE_AGENT_GATEWAY') ?? false,
    probePort: reader.integer('SWE_AGENT_PROBE_PORT', 8081, 0, 65_535),
  };
}

/** Undefined when K8S_NAMESPACE is not set. */
export function namespaceSetting(reader: SettingsReader): string | undefined {
  const value = reader.text('K8S_NAMESPACE');
  if (value !== undefined && !NAMESPACE.test(value)) reader.problem('K8S_NAMESPACE', NAMESPACE_RULE);
  return value;
}

function watched(reader: SettingsReader): ClusterSettings['watch'] {
  const names = reader.list('SWE_AGENT_WATCH_NAMESPACES');
  if (names.length === 0) return undefined;
  if (names.includes('*')) {
    if (names.length > 1) reader.problem('SWE_AGENT_WATCH_NAMESPACES', 'write * alone for all namespaces, or name them');
    return 'all';
  }
  if (!names.every((name) => NAMESPACE.test(name))) reader.problem('SWE_AGENT_WATCH_NAMESPACES', NAMESPACE_RULE);
  return [...new Set(names)];
}

export function podSettings(reader: SettingsReader): PodSettings {
  const toolboxImage = reader.text('SWE_AGENT_TOOLBOX_IMAGE');
  const installation = reader.text('SWE_AGENT_INSTALLATION');
  if (installation !== undefined && !/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(installation)) {
    const rule = 'use letters, digits, -, _ and ., with a letter or digit at both ends, at most 63';
    reader.problem('SWE_AGENT_INSTALLATION', rule);
  }
  return {
    defaults: sandboxDefaults(reader),
    network: { dnsServers: dnsServers(reader), blocked: clusterRanges(reader) },
    user: sandboxUser(reader),
    readOnlyRootFilesystem: reader.flag('SWE_AGENT_SANDBOX_READ_ONLY') ?? true,
    ...(toolboxImage !== undefined && { toolboxImage }),
    ...(installation !== undefined && { installation }),
  };
}

/** The single settings over the fields of the JSON. */
function sandboxDefaults(reader: SettingsReader): SandboxSpec {
  const given = jsonDefaults(reader);
  const image = reader.text('WORKER_IMAGE');
  const runtimeClassName = reader.text('SWE_AGENT_RUNTIME_CLASS');
  const strictness = reader.text('SWE_AGENT_NETWORK');
  const egress = reader.choice('SWE_AGENT_NETWORK', ['public', 'strict'], 'public');
  const allow = allowed(reader);
  const network = { ...given.network, ...(strictness !== undefined && { egress }), ...(allow.length > 0 && { allow }) };
  return {
    ...given,
    ...(image !== undefined && { image }),
    ...(runtimeClassName !== undefined && { runtimeClassName }),
    ...(Object.keys(network).length > 0 && { network }),
  };
}

/** @returns what the schema of spec.sandbox takes for Pods; nothing when it cannot be used */
function jsonDefaults(reader: SettingsReader): SandboxSpec {
  const name = 'SWE_AGENT_SANDBOX_DEFAULTS';
  const text = reader.text('SWE_AGENT_SANDBOX_DEFAULTS');
  if (text === undefined) return {};
  let sandbox: unknown;
  try {
    sandbox = JSON.parse(text);
  } catch (error) {
    reader.problem(name, `it is not JSON (${error instanceof Error ? error.message : String(error)})`);
    return {};
  }
  if (!isSandboxSpec(sandbox)) {
    const [first] = validateAgentSession.errors ?? [];
    const field = first?.instancePath.replace(/^\/spec\/sandbox\/?/, '').replaceAll('/', '.');
    const extra = typeof first?.params.additionalProperty === 'string' ? ` (${first.params.additionalProperty})` : '';
    reader.problem(
      name,
      `${field ? `${field} ` : ''}${first?.message ?? 'is not valid'}${extra}; write the fields of spec.sandbox`,
    );
    return {};
  }
  if (sandbox.type !== undefined || sandbox.daytona !== undefined) {
    reader.problem(name, 'type and daytona have no place in the settings of Pods; remove them');
    return {};
  }
  return sandbox;
}

function isSandboxSpec(sandbox: unknown): sandbox is SandboxSpec {
  const spec = { goal: 'none', repository: { url: 'https://example.com/none.git' }, sandbox };
  return validateAgentSession({ apiVersion: API_VERSION, kind: 'AgentSession', metadata: { name: 'defaults' }, spec });
}

function allowed(reader: SettingsReader): { cidr: string; ports?: number[] }[] {
  const ranges = reader.list('SWE_AGENT_NETWORK_ALLOW');
  return ranges.map((text) => {
    const [, cidr = '', port] = /^([0-9a-fA-F.:]+\/\d{1,3})(?::(\d{1,5}))?$/.exec(text) ?? [];
    const portNumber = Number(port ?? 1);
    if (!isRange(cidr) || portNumber < 1 || portNumber > 65_535) {
      const rule = `${JSON.stringify(text)} is no range such as 192.0.2.0/24, with a port 192.0.2.0/24:443`;
      reader.problem('SWE_AGENT_NETWORK_ALLOW', rule);
    }
    return { cidr, ...(port !== undefined && { ports: [portNumber] }) };
  });
}

function clusterRanges(reader: SettingsReader): string[] {
  const ranges = reader.list('SWE_AGENT_CLUSTER_RANGES');
  const wrong = ranges.find((range) => !isRange(range));
  if (wrong !== undefined)
    reader.problem('SWE_AGENT_CLUSTER_RANGES', `${JSON.stringify(wrong)} is no range such as 192.0.2.0/24`);
  return ranges;
}

function dnsServers(reader: SettingsReader): string[] {
  const addresses = reader.list('SWE_AGENT_DNS_SERVERS');
  const wrong = addresses.find((address) => isIP(address) === 0);
  if (wrong !== undefined) reader.problem('SWE_AGENT_DNS_SERVERS', `${JSON.stringify(wrong)} is no IP address`);
  return addresses;
}

function sandboxUser(reader: SettingsReader): PodSettings['user'] {
  const text = reader.text('SWE_AGENT_SANDBOX_USER') ?? '1000:1000';
  if (text === 'image') return 'image';
  const [, uid, gid] = /^(\d{1,10}):(\d{1,10})$/.exec(text) ?? [];
  if (Number(uid ?? 0) < 1) {
    reader.problem('SWE_AGENT_SANDBOX_USER', 'write two numbers such as 1000:1000, the first not 0, or image');
  }
  return { uid: Number(uid), gid: Number(gid) };
}

function isRange(text: string): boolean {
  const [address = '', prefix = ''] = text.split('/');
  const family = isIP(address);
  if (family === 0 || !/^\d{1,3}$/.test(prefix)) return false;
  try {
    new BlockList().addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    return false;
  }
}
