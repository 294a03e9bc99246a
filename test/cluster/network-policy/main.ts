/**
 * Enforces NetworkPolicies on the test cluster's only node, so that tests can see the effect of ours. For tests alone:
 * IPv4, one node, no Pods on the host's network. What the node itself sends to its Pods always passes, as Kubernetes
 * wants it for probes.
 *
 * A new Pod is announced in the folder `--pods` by the CNI plugin swe-agent-gate before its containers start, and waits
 * there until its rules are made. Policies and labels that change later take effect within a moment.
 */
import { watch } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type KubeObject, RESOURCES } from '../../../operator/api/resources.ts';
import { HttpKubeClient } from '../../../operator/kube/http-client.ts';
import { Informer } from '../../../operator/kube/informer.ts';
import { describeError, type Logger } from '../../../operator/logger.ts';
import { Firewall } from './firewall.ts';
import type { NetworkPolicy, Pod } from './objects.ts';
import { policyRules } from './policy-rules.ts';

const POLICIES = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'networkpolicies',
  kind: 'NetworkPolicy',
  namespaced: true,
};
const PODS = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
const RETRY_MS = 1_000;
const WORD = { type: 'string', default: '' } as const;

const { values: options } = parseArgs({ options: { server: WORD, ca: WORD, token: WORD, pods: WORD } });
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

const say = (message: string) => console.error(`${new Date().toISOString()} ${message}`);
const logger: Logger = { debug: () => undefined, info: say, warn: say, error: say };
const token = (await readFile(options.token, 'utf8')).trim();
const client = new HttpKubeClient({
  baseUrl: options.server,
  ca: await readFile(options.ca, 'utf8'),
  headers: async () => ({ authorization: `Bearer ${token}` }),
  signal: stop.signal,
});
const policies = new Informer<NetworkPolicy>({ client, resource: POLICIES, logger });
const namespaces = new Informer<KubeObject>({ client, resource: RESOURCES.namespaces, logger });
const pods = new Informer<Pod>({ client, resource: PODS, logger });
const informers = [policies, namespaces, pods];
const firewall = new Firewall();
/** What a Pod was announced with, by the id of its sandbox. */
type Announced = { sandbox: string; uid: string; address: string };

/** One pass at a time; whatever happens meanwhile makes one more. */
let wanted = false;
let busy = false;
function refresh(): void {
  wanted = true;
  if (busy) return;
  busy = true;
  void passes().finally(() => {
    busy = false;
  });
}

async function passes(): Promise<void> {
  while (wanted && !stop.signal.aborted) {
    wanted = false;
    try {
      await pass();
    } catch (error) {
      say(describeError(error));
      setTimeout(refresh, RETRY_MS).unref();
      return;
    }
  }
}

async function pass(): Promise<void> {
  const announced = await readAnnounced();
  const known = pods.list();
  const addresses = new Map(known.flatMap(({ metadata, status }) => (status?.podIP ? [[`${metadata.uid}`, status.podIP]] : [])));
  for (const { uid, address } of announced) addresses.set(uid, address);
  await firewall.apply(policyRules({ policies: policies.list(), namespaces: namespaces.list(), pods: known, addresses }));
  const uids = new Set(known.map(({ metadata }) => metadata.uid));
  for (const { sandbox, uid } of announced) if (uids.has(uid)) await writeFile(join(options.pods, `${sandbox}.ready`), '');
}

async function readAnnounced(): Promise<Announced[]> {
  const names = (await readdir(options.pods)).filter((name) => name.endsWith('.pod'));
  const read = names.map(async (name): Promise<Announced[]> => {
    const text = await readFile(join(options.pods, name), 'utf8').catch(() => undefined);
    if (text === undefined) return []; // The Pod went meanwhile.
    const { uid, address }: { uid?: unknown; address?: unknown } = JSON.parse(text);
    if (typeof uid !== 'string' || typeof address !== 'string') throw new Error(`${name} names no Pod: ${text}`);
    return [{ sandbox: name.slice(0, -'.pod'.length), uid, address }];
  });
  return (await Promise.all(read)).flat();
}

await mkdir(options.pods, { recursive: true });
const running = informers.map((informer) => informer.run(stop.signal));
await Promise.all(informers.map(({ synced }) => synced));
for (const informer of informers) informer.onChange(refresh);
const watcher = watch(options.pods, (_event, name) => {
  if (name?.endsWith('.pod')) refresh();
});
await pass();
await writeFile(join(options.pods, 'synced'), '');
refresh();
say('enforcing');
await Promise.all(running);
watcher.close();
