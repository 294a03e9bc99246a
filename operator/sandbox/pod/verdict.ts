/** What a Pod's status says about its use as a sandbox, in words for people. A pure function. */
import { CONTAINER, TOOLBOX_CONTAINER } from './manifest.ts';
import type { ContainerState, ContainerStatus, Pod } from './objects.ts';

export type Verdict =
  /** Its container runs; `containerId` differs after a restart. */
  | { state: 'ready'; containerId: string }
  /** It may become ready by itself; how long that may take depends on the stage. */
  | { state: 'waiting'; stage: Stage; reason: string; message: string }
  /** It will not, or not without somebody doing something. `permanent`: not with this session's settings. */
  | { state: 'failed'; reason: string; message: string; permanent: boolean }
  /** It is over, and all that ran in it. */
  | { state: 'lost'; reason: string; message: string };

/** scheduling: no node has it; creating: the node makes it; pulling: an image could not be had, and is tried again. */
export type Stage = 'scheduling' | 'creating' | 'pulling' | 'toolbox' | 'restarting';

/** For how long each stage may last, in milliseconds. Images can be large, and nodes can be on their way. */
export const STAGE_DEADLINES_MS: Record<Stage, number> = {
  scheduling: 300_000,
  creating: 300_000,
  pulling: 120_000,
  toolbox: 120_000,
  restarting: 60_000,
};

/** Reasons for waiting that every Pod has on its way. */
export const ORDINARY: ReadonlySet<string> = new Set(['Pending', 'ContainerCreating', 'ToolboxRunning']);

export function verdictOf(pod: Pod): Verdict {
  const { status = {}, metadata } = pod;
  if (metadata.deletionTimestamp !== undefined) {
    return { state: 'lost', reason: 'PodDeleted', message: `the Pod ${metadata.name} is being deleted${why(status)}` };
  }
  if (status.phase === 'Failed' || status.phase === 'Succeeded') {
    const reason = status.reason ?? 'PodEnded';
    return { state: 'lost', reason, message: `the Pod ${metadata.name} has ended (${reason})${why(status)}` };
  }
  const toolbox = status.initContainerStatuses?.find(({ name }) => name === TOOLBOX_CONTAINER);
  const verdict = toolbox && toolboxVerdict(toolbox);
  if (verdict) return verdict;
  const container = status.containerStatuses?.find(({ name }) => name === CONTAINER);
  if (container) return containerVerdict(container);
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'True') return waiting('creating', 'ContainerCreating', 'the node is preparing the Pod');
  const message = scheduled?.message ?? 'the Pod waits for the scheduler';
  return waiting('scheduling', scheduled?.reason ?? 'Pending', `no node takes the Pod yet: ${message}`);
}

function toolboxVerdict(status: ContainerStatus): Verdict | undefined {
  const { state = {}, lastState } = status;
  const ended = state.terminated ?? (state.waiting?.reason === 'CrashLoopBackOff' ? lastState?.terminated : undefined);
  if (state.terminated?.exitCode === 0) return undefined;
  if (ended) {
    const message = `the toolbox could not be copied into the Pod: ${endOf(ended)}`;
    return (status.restartCount ?? 0) < 2
      ? waiting('toolbox', 'ToolboxFailed', message)
      : { state: 'failed', reason: 'ToolboxFailed', message, permanent: false };
  }
  return state.waiting
    ? imageVerdict(state.waiting, 'the toolbox')
    : waiting('toolbox', 'ToolboxRunning', 'the toolbox is being copied into the Pod');
}

function containerVerdict(status: ContainerStatus): Verdict {
  const { state = {}, lastState = {}, containerID = '', restartCount = 0 } = status;
  if (state.running) return { state: 'ready', containerId: containerID };
  const ended = state.terminated ?? lastState.terminated;
  if (!ended) return imageVerdict(state.waiting ?? {}, 'the sandbox');
  if (ended.reason === 'StartError' || ended.reason === 'ContainerCannotRun') {
    const shell = /\/bin\/sh.*(no such file|not found)/is.test(ended.message ?? '');
    return shell
      ? {
          state: 'failed',
          reason: 'ImageWithoutShell',
          message: 'the image has no /bin/sh; use one with a POSIX shell',
          permanent: true,
        }
      : {
          state: 'failed',
          reason: 'StartFailed',
          message: `the container could not be started: ${endOf(ended)}`,
          permanent: false,
        };
  }
  const { reason, message } = endNotice(ended);
  return waiting('restarting', reason, restartCount > 0 ? `${message} (restarted ${restartCount} times)` : message);
}

/** How the container ended that the one of now came after; undefined when it is the first. */
export function lastEndOf({ status = {} }: Pod): { reason: string; message: string } | undefined {
  const ended = status.containerStatuses?.find(({ name }) => name === CONTAINER)?.lastState?.terminated;
  return ended && endNotice(ended);
}

function endNotice(ended: NonNullable<ContainerState['terminated']>): { reason: string; message: string } {
  const killed = ended.reason === 'OOMKilled';
  const advice = killed ? '; it needs more memory than its limit' : '';
  return { reason: killed ? 'OOMKilled' : 'ContainerEnded', message: `the sandbox's container ended: ${endOf(ended)}${advice}` };
}

function imageVerdict(
  { reason = 'ContainerCreating', message = '' }: { reason?: string; message?: string },
  what: string,
): Verdict {
  const words = message ? `${reason}: ${message}` : reason;
  switch (reason) {
    case 'InvalidImageName':
      return { state: 'failed', reason, message: `the name of the image of ${what} is not valid: ${message}`, permanent: true };
    case 'ErrImagePull':
    case 'ImagePullBackOff':
    case 'ErrImageNeverPull':
    case 'ImageInspectError':
    case 'RegistryUnavailable':
    case 'SignatureValidationFailed':
      return waiting('pulling', reason, `the image of ${what} cannot be pulled: ${words}`);
    case 'CreateContainerConfigError':
    case 'CreateContainerError':
    case 'RunContainerError':
      return { state: 'failed', reason, message: `the container of ${what} cannot be made: ${message}`, permanent: false };
    case 'PodInitializing':
    case 'ContainerCreating':
      return waiting('creating', 'ContainerCreating', `the node is preparing ${what}${message ? `: ${message}` : ''}`);
    default:
      return waiting('creating', reason, `${what} is not there yet: ${words}`);
  }
}

function waiting(stage: Stage, reason: string, message: string): Verdict {
  return { state: 'waiting', stage, reason, message };
}

function endOf({ exitCode, reason, message }: { exitCode?: number; reason?: string; message?: string }): string {
  return `${reason ?? 'Error'}, exit code ${exitCode ?? 'unknown'}${message ? `: ${message.trim()}` : ''}`;
}

/** What the cluster says about why a Pod ends, eviction above all. */
function why({ reason, message, conditions }: NonNullable<Pod['status']>): string {
  const disruption = conditions?.find(({ type, status }) => type === 'DisruptionTarget' && status === 'True');
  const words = message ?? disruption?.message ?? (disruption?.reason || reason);
  return words ? `: ${words}` : '';
}
