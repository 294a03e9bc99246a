/** Why a sandbox cannot be had, in the cluster's own words, on a real one: `make cluster-test`. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Resource } from '../../operator/api/resources.ts';
import { NETWORK_POLICIES, PODS, type Pod } from '../../operator/sandbox/pod/objects.ts';
import type { PodTransport } from '../../operator/sandbox/pod/transport.ts';
import { type SandboxNotice, type SandboxSpec, SandboxUnavailableError } from '../../operator/sandbox/transport.ts';
import { eventually, patience } from '../support/eventually.ts';
import { IMAGES_MS, importPodImages, TOOLBOX_IMAGE } from './pod-images.ts';
import { clusterForTests, TestPods, type TestPodsOptions } from './pods.ts';

const QUOTAS = {
  group: '',
  version: 'v1',
  plural: 'resourcequotas',
  kind: 'ResourceQuota',
  namespaced: true,
} as const satisfies Resource;
const cluster = clusterForTests();
/** An image that cannot be had is known as such from the moment that this begins. */
const STAGES = { pulling: 3_000 };

(cluster ? describe : describe.skip)('a sandbox in a Pod that cannot be had', () => {
  let pods: TestPods;
  beforeAll(async () => {
    if (!cluster) throw new Error('there is no cluster');
    await importPodImages(cluster);
    pods = await TestPods.open(cluster, { defaults: { image: 'ubuntu:22.04' }, stageDeadlinesMs: STAGES });
  }, IMAGES_MS);
  afterAll(() => pods.close());

  const fault = async (spec: SandboxSpec, options: TestPodsOptions = {}): Promise<SandboxUnavailableError> =>
    failure(pods.transport(options), spec);
  /** Waits until a reason is told while the sandbox is waited for, and gives the wish for it up. */
  const told = async (what: RegExp, spec: SandboxSpec, options: TestPodsOptions = {}): Promise<SandboxNotice> => {
    const notices: SandboxNotice[] = [];
    const transport = pods.transport(options);
    const owner = pods.owner();
    const stop = new AbortController();
    const given = transport.provision(owner, spec, stop.signal, (notice) => notices.push(notice));
    given.catch(() => undefined);
    try {
      return await eventually(`to be told of ${what}`, () =>
        notices.find(({ reason, message }) => what.test(`${reason} ${message}`)),
      );
    } finally {
      stop.abort(new Error('given up'));
      await expect(given).rejects.toThrow('given up');
      await transport.dispose(owner, patience());
    }
  };
  const failure = async (transport: PodTransport, spec: SandboxSpec): Promise<SandboxUnavailableError> => {
    const owner = pods.owner();
    const error = await transport.provision(owner, spec, patience()).then(
      () => new Error('it could be had'),
      (thrown: unknown) => thrown,
    );
    await transport.dispose(owner, patience());
    if (!(error instanceof SandboxUnavailableError)) throw error;
    return error;
  };

  it('for want of its image says which, and what the registry said', async () => {
    const error = await fault({ image: 'registry.invalid/nobody/nothing:1' });
    expect(error).toMatchObject({ reason: expect.stringMatching(/^(ImagePullBackOff|ErrImagePull)$/), permanent: false });
    expect(error.message).toMatch(/the image of the sandbox cannot be pulled.*registry\.invalid\/nobody\/nothing:1.*waited 3 s/s);
    expect(pods.notices).toContainEqual({ reason: 'ErrImagePull', message: expect.stringContaining('registry.invalid') });
  });

  it('for want of the image of the toolbox says so', async () => {
    const { message } = await told(/ErrImagePull/, {}, { toolboxImage: 'registry.invalid/toolbox:1' });
    expect(message).toMatch(/the image of the toolbox cannot be pulled/);
  });

  it('for a name that is no image name is refused for good', async () => {
    expect(await fault({ image: 'No:Image:Name' })).toMatchObject({
      reason: 'InvalidImageName',
      permanent: true,
      message: expect.stringContaining('No:Image:Name'),
    });
    expect(await fault({}, { defaults: {} })).toMatchObject({ reason: 'ImageMissing', permanent: true });
  });

  it('because no node takes it carries the words of the scheduler', async () => {
    const { message } = await told(/^Unschedulable /, { nodeSelector: { 'sweagent.dev/no-such-node': 'true' } });
    expect(message).toMatch(/no node takes the Pod yet: 0\/\d+ nodes are available: .*node affinity\/selector/);
    expect((await told(/^Unschedulable /, { resources: { requests: { cpu: '9999' } } })).message).toMatch(/Insufficient cpu/);
  });

  it('becomes one as soon as the obstacle is gone, while it is waited for', async () => {
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'none' }, spec: { hard: { pods: '0' } } };
    await pods.create(QUOTAS, quota);
    await eventually('the quota to be there', async () => (await fault({})).reason === 'QuotaExceeded');
    const error = await fault({});
    expect(error).toMatchObject({ reason: 'QuotaExceeded', permanent: false });
    expect(error.message).toMatch(/exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0/);
    await pods.client.delete(QUOTAS, pods.namespace, 'none', {}, patience());
    await eventually('room for the Pod', () => pods.provision().catch(() => undefined));
  });

  it('for want of what its settings name says what is not there', async () => {
    expect(await fault({ runtimeClassName: 'no-such-class' })).toMatchObject({
      reason: 'RuntimeClassNotFound',
      message: expect.stringContaining('no-such-class'),
    });
    expect(await fault({ priorityClassName: 'no-such-class' })).toMatchObject({ reason: 'PriorityClassNotFound' });
    expect(await fault({ serviceAccountName: 'nobody' })).toMatchObject({ reason: 'ServiceAccountNotFound' });
    const placement = { kind: 'namespace', namespace: 'no-such-namespace' } as const;
    expect(await fault({}, { placement })).toMatchObject({ reason: 'NamespaceNotFound' });
    const resources = { requests: { cpu: '2' }, limits: { cpu: '1' } };
    expect(await fault({ resources })).toMatchObject({ reason: 'InvalidPod', permanent: true });
  });

  it('because of its image says what the image lacks', async () => {
    expect(await fault({ image: 'localhost/swe-agent-test/pause:1' })).toMatchObject({
      reason: 'ImageWithoutShell',
      permanent: true,
    });
    const root = await fault({}, { user: 'image' });
    expect(root).toMatchObject({ reason: 'CreateContainerConfigError', message: expect.stringContaining('runAsNonRoot') });
    const named = await fault({ image: 'localhost/swe-agent-test/named-user:1' }, { user: 'image' });
    expect(named.message).toMatch(/non-numeric user/);
    // Whatever the image says, a number of ours will do.
    await pods.provision({ image: 'localhost/swe-agent-test/named-user:1' });
  });

  it('because its memory is less than a container needs to start says what the node said', async () => {
    await told(/the node is preparing the Pod: .*(memory|OOM)|OOMKilled|memory limit too low/i, {
      resources: { limits: { memory: '1Mi' } },
    });
  });

  it('because its name is taken leaves alone what has it', async () => {
    const transport = pods.transport();
    const owner = pods.owner();
    const handle = await transport.provision(owner, {}, patience());
    const { name } = handle.identity;
    await transport.dispose(owner, patience());
    const foreign: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: pods.namespace },
      spec: { ...(await bare()), restartPolicy: 'Always' },
    };
    await pods.client.create(PODS, foreign, patience());
    await expect(transport.provision(owner, {}, patience())).rejects.toMatchObject({ reason: 'NameTaken' });
    expect(await transport.find(owner, {}, patience())).toBeUndefined();
    await transport.dispose(owner, patience());
    expect((await pods.client.get<Pod>(PODS, pods.namespace, name, patience())).metadata.deletionTimestamp).toBeUndefined();
    // Another installation, which may have a session of the same name here, has a name of its own for it.
    const other = pods.transport({ installation: `${pods.installation}-2` });
    const theirs = await other.provision(owner, {}, patience());
    expect(theirs.identity.name).not.toBe(name);
    await expect(other.listOrphans(new Set(), patience())).resolves.toEqual([owner]);
  });

  it('with settings that were wrong is made anew with those that are right', async () => {
    const owner = pods.owner();
    const transport = pods.transport();
    await expect(transport.provision(owner, { image: 'No:Image:Name' }, patience())).rejects.toThrow(SandboxUnavailableError);
    const handle = await transport.provision(owner, { image: 'alpine:3' }, patience());
    expect((await pods.pod(handle))?.spec.containers[0]?.image).toBe('alpine:3');
  });

  it('leaves nothing behind when it is disposed of', async () => {
    const owner = pods.owner();
    const transport = pods.transport({ toolboxImage: TOOLBOX_IMAGE });
    const stop = new AbortController();
    const going = transport.provision(owner, { nodeSelector: { 'sweagent.dev/no-such-node': 'true' } }, stop.signal);
    await eventually('the Pod', async () =>
      (await transport.listOrphans(new Set(), patience())).some(({ uid }) => uid === owner.uid),
    );
    stop.abort(new Error('cancelled'));
    await expect(going).rejects.toThrow('cancelled');
    await transport.dispose(owner, patience());
    const labelSelector = `sweagent.dev/session-uid=${owner.uid}`;
    for (const resource of [PODS, NETWORK_POLICIES]) {
      const { items } = await pods.client.list(resource, { namespace: pods.namespace, labelSelector }, patience());
      expect(items).toEqual([]);
    }
  });

  /** The spec of a Pod that no sandbox made. */
  async function bare(): Promise<Pod['spec']> {
    const handle = await pods.provision();
    const pod = await pods.pod(handle);
    if (!pod) throw new Error('the Pod is gone');
    const { automountServiceAccountToken, enableServiceLinks, terminationGracePeriodSeconds, securityContext } = pod.spec;
    const [container] = pod.spec.containers;
    if (!container) throw new Error('the Pod has no container');
    const { name, image, securityContext: restricted } = container;
    return {
      automountServiceAccountToken,
      enableServiceLinks,
      terminationGracePeriodSeconds,
      securityContext,
      restartPolicy: 'Always',
      containers: [{ name, image, command: ['sleep', '600'], securityContext: restricted, volumeMounts: [] }],
      volumes: [],
      tolerations: [],
    };
  }
});
