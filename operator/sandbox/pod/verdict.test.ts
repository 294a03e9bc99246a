import { describe, expect, it } from '@jest/globals';
import { KubeError } from '../../kube/client.ts';
import { KubeUnreachableError } from '../../kube/http-transport.ts';
import { SandboxUnavailableError } from '../transport.ts';
import { creationFault } from './creation-fault.ts';
import { podOf } from './manifest.ts';
import type { ContainerStatus, Pod, PodStatus } from './objects.ts';
import { lastEndOf, verdictOf } from './verdict.ts';

const PLACE = { namespace: 'team', name: 'pod' };
const made = podOf(
  { uid: 'uid', name: 'session', namespace: 'team' },
  PLACE,
  { image: 'x' },
  {
    defaults: {},
    placement: { kind: 'with-session' },
    installation: 'main',
    user: 'image',
    readOnlyRootFilesystem: true,
    tickSeconds: 60,
  },
);
const pod = (status: PodStatus, metadata: Partial<Pod['metadata']> = {}): Pod => ({
  ...made,
  metadata: { ...made.metadata, ...metadata },
  status,
});
const sandbox = (status: Omit<ContainerStatus, 'name'>): PodStatus => ({ containerStatuses: [{ name: 'sandbox', ...status }] });
const toolbox = (status: Omit<ContainerStatus, 'name'>): PodStatus => ({
  initContainerStatuses: [{ name: 'toolbox', ...status }],
});

describe('what a status says of a Pod', () => {
  it.each<[string, PodStatus, object]>([
    [
      'no node takes it',
      { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available' }] },
      { state: 'waiting', stage: 'scheduling', reason: 'Unschedulable', message: expect.stringContaining('0/3 nodes') },
    ],
    ['nobody has looked at it', {}, { state: 'waiting', stage: 'scheduling', reason: 'Pending' }],
    [
      'a node has it',
      { conditions: [{ type: 'PodScheduled', status: 'True' }] },
      { state: 'waiting', stage: 'creating', reason: 'ContainerCreating' },
    ],
    [
      'its image is not there',
      sandbox({ state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "x"' } } }),
      { state: 'waiting', stage: 'pulling', reason: 'ImagePullBackOff', message: expect.stringContaining('the sandbox') },
    ],
    [
      "the toolbox's image is not there",
      toolbox({ state: { waiting: { reason: 'ErrImagePull', message: 'not found' } } }),
      { state: 'waiting', stage: 'pulling', reason: 'ErrImagePull', message: expect.stringContaining('the toolbox') },
    ],
    [
      'the toolbox fails',
      toolbox({ restartCount: 2, state: { terminated: { exitCode: 1, reason: 'Error', message: 'no space' } } }),
      { state: 'failed', reason: 'ToolboxFailed', message: expect.stringContaining('no space'), permanent: false },
    ],
    [
      'the toolbox failed once',
      toolbox({ restartCount: 1, state: { terminated: { exitCode: 1, reason: 'Error' } } }),
      { state: 'waiting', stage: 'toolbox', reason: 'ToolboxFailed' },
    ],
    [
      'its image would run as root',
      sandbox({ state: { waiting: { reason: 'CreateContainerConfigError', message: 'image will run as root' } } }),
      { state: 'failed', reason: 'CreateContainerConfigError', message: expect.stringContaining('as root'), permanent: false },
    ],
    [
      'its image has no shell',
      sandbox({
        state: {
          terminated: {
            exitCode: 128,
            reason: 'StartError',
            message: 'exec: "/bin/sh": stat /bin/sh: no such file or directory',
          },
        },
      }),
      { state: 'failed', reason: 'ImageWithoutShell', permanent: true },
    ],
    [
      'it runs, after its toolbox',
      { ...toolbox({ state: { terminated: { exitCode: 0 } } }), ...sandbox({ containerID: 'c://1', state: { running: {} } }) },
      { state: 'ready', containerId: 'c://1' },
    ],
    [
      'its memory ran out',
      sandbox({
        restartCount: 3,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
      }),
      { state: 'waiting', stage: 'restarting', reason: 'OOMKilled', message: expect.stringContaining('restarted 3 times') },
    ],
    [
      'it was evicted',
      { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' },
      { state: 'lost', reason: 'Evicted', message: expect.stringContaining('low on resource') },
    ],
    [
      'it was taken by its node being drained',
      {
        phase: 'Failed',
        conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message: 'drained' }],
      },
      { state: 'lost', message: expect.stringContaining('drained') },
    ],
  ])('%s', (_, status, expected) => {
    expect(verdictOf(pod(status))).toMatchObject(expected);
  });

  it('it is being deleted, whatever else it says', () => {
    const running = sandbox({ state: { running: {} } });
    expect(verdictOf(pod(running, { deletionTimestamp: '2026-01-01T00:00:00Z' }))).toMatchObject({
      state: 'lost',
      reason: 'PodDeleted',
    });
  });

  it('how the container before the one of now ended', () => {
    expect(lastEndOf(pod(sandbox({ state: { running: {} } })))).toBeUndefined();
    const lastState = { terminated: { exitCode: 137, reason: 'OOMKilled' } };
    expect(lastEndOf(pod(sandbox({ state: { running: {} }, lastState })))).toMatchObject({ reason: 'OOMKilled' });
  });
});

describe('why the API server did not make a Pod', () => {
  it.each<[number, string, string]>([
    [403, 'pods "x" is forbidden: exceeded quota: q, requested: pods=1', 'QuotaExceeded'],
    [403, 'pods "x" is forbidden: pod rejected: RuntimeClass "kata" not found', 'RuntimeClassNotFound'],
    [403, 'pods "x" is forbidden: violates PodSecurity "restricted:latest"', 'PodSecurityViolation'],
    [
      403,
      'pods "x" is forbidden: unable to create new content in namespace n because it is being terminated',
      'NamespaceTerminating',
    ],
    [403, 'pods "x" is forbidden: no PriorityClass with name low was found', 'PriorityClassNotFound'],
    [
      403,
      'pods "x" is forbidden: error looking up service account n/sa: serviceaccount "sa" not found',
      'ServiceAccountNotFound',
    ],
    [403, 'pods is forbidden: User "u" cannot create resource "pods"', 'Forbidden'],
    [404, 'namespaces "n" not found', 'NamespaceNotFound'],
    [422, 'Pod "x" is invalid: spec.containers[0].resources.requests', 'InvalidPod'],
    [500, 'etcdserver: request timed out', 'ClusterUnavailable'],
  ])('%i %s', (code, message, reason) => {
    const cause = new KubeError(code, '', message);
    const fault = creationFault(cause);
    expect(fault).toBeInstanceOf(SandboxUnavailableError);
    expect(fault).toMatchObject({ reason, permanent: reason === 'InvalidPod', cause });
    expect(fault).toMatchObject({ message: expect.stringContaining(message) });
  });

  it('nothing answered', () => {
    const fault = creationFault(new KubeUnreachableError('connection', 'ECONNREFUSED', { sent: false }));
    expect(fault).toMatchObject({ reason: 'ClusterUnreachable', permanent: false });
  });

  it('is nothing that it knows when the error is another', () => {
    const error = new TypeError('a defect');
    expect(creationFault(error)).toBe(error);
  });
});
