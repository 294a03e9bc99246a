/** The Pod of a sandbox, as a pure function of session and configuration. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GROUP } from '../../api/resources.ts';
import type { SandboxOwner, SandboxSpec } from '../transport.ts';
import type { Container, EnvVar, Pod, PodSpec } from './objects.ts';
import { metadataOf, type Place, type Placement } from './placement.ts';

/** Everything of a session lies below it, in every Pod. */
export const ROOT = '/workspace';
export const CONTAINER = 'sandbox';
export const TOOLBOX_CONTAINER = 'toolbox';
/** Hash of the Pod's spec as it was asked for: what the cluster fills in does not change it. */
export const TEMPLATE_ANNOTATION = `${GROUP}/template`;

const TOOLBOX = '/opt/swe-agent';
/** A Pod that writes more is evicted, instead of all the others on a node whose disk it filled. */
const WORKSPACE_SIZE = '20Gi';
/** A node that is lost is given this long to come back, instead of the five minutes that Kubernetes gives. */
const UNREACHABLE_SECONDS = 60;

export type PodOptions = {
  /**
   * What holds where a session's own sandbox settings say nothing: image, resources, runtimeClassName, network, … The image
   * (WORKER_IMAGE) is needed here or there, or the session's sandbox is refused as `ImageMissing`. `workspaceSize` is 20Gi
   * when neither names one.
   */
  defaults: SandboxSpec;
  /** Beside their sessions, or all in one namespace (K8S_NAMESPACE) when the sessions live in another API server. */
  placement: Placement;
  /**
   * Tells this installation's Pods from those of another in the same namespace. A label value (at most 63 characters of
   * [A-Za-z0-9._-]) that stays the same across restarts and is shared by all replicas.
   */
  installation: string;
  /**
   * Image with a folder /toolbox of static programs (the operator's own, or worker-image/Dockerfile with its target toolbox),
   * which an init container copies into each Pod. Without it images have to bring git and setsid themselves.
   */
  toolboxImage?: string;
  /** Numbers of the user and the group that everything runs as; `image` leaves both to the image, which must not be root's. */
  user: { uid: number; gid: number } | 'image';
  /** Whether the image's own files are read-only. What a command may write to is the workspace, /tmp and /var/tmp. */
  readOnlyRootFilesystem: boolean;
  tickSeconds: number;
};

const KEEPER = readFileSync(join(import.meta.dirname, 'keeper.sh'), 'utf8');

/** Programs of busybox that commands and the platform's own scripts may look for; those that the image has come first. */
const APPLETS =
  'awk base64 cat cmp cp cut date dd diff env find grep gzip head id kill less ln ls md5sum mkdir mkfifo mktemp mv nproc od patch pgrep pkill ps readlink realpath rm sed seq setsid sha256sum sleep sort stat tail tar tee timeout touch tr tree uniq unzip wc which xargs';

/** A session's wishes over the operator's defaults: field by field, resources and variables by their names. */
export function withDefaults(spec: SandboxSpec, defaults: SandboxSpec): SandboxSpec {
  const env = new Map([...(defaults.env ?? []), ...(spec.env ?? [])].map((entry) => [entry.name, entry]));
  const requests = { ...defaults.resources?.requests, ...spec.resources?.requests };
  const limits = { ...defaults.resources?.limits, ...spec.resources?.limits };
  return {
    ...defaults,
    ...spec,
    ...(env.size > 0 && { env: [...env.values()] }),
    ...((spec.resources || defaults.resources) && { resources: { requests, limits } }),
    ...((spec.network || defaults.network) && { network: { ...defaults.network, ...spec.network } }),
  };
}

/** @param spec with the defaults in it */
export function podOf(owner: SandboxOwner, place: Place, spec: SandboxSpec & { image: string }, options: PodOptions): Pod {
  const podSpec = specOf(spec, options);
  const metadata = metadataOf(owner, place, options.placement, options.installation);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      annotations: {
        ...metadata.annotations,
        [TEMPLATE_ANNOTATION]: createHash('sha256').update(JSON.stringify(podSpec)).digest('hex').slice(0, 16),
        // What is not committed yet would be lost with it.
        'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
        'karpenter.sh/do-not-disrupt': 'true',
      },
    },
    spec: podSpec,
  };
}

function specOf(spec: SandboxSpec & { image: string }, options: PodOptions): PodSpec {
  const { user, toolboxImage } = options;
  const limit = { sizeLimit: spec.workspaceSize ?? WORKSPACE_SIZE };
  const volumes = [
    { name: 'workspace', emptyDir: limit },
    { name: 'tmp', emptyDir: limit },
  ];
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    // A container that was killed for its memory comes back to the same files.
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 5,
    securityContext: {
      runAsNonRoot: true,
      // No fsGroup: everybody may write to an emptyDir, and a group of its own would be inherited by every directory in it.
      ...(user !== 'image' && { runAsUser: user.uid, runAsGroup: user.gid }),
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...(toolboxImage !== undefined && { initContainers: [toolboxContainer(toolboxImage, user, spec.resources)] }),
    containers: [sandboxContainer(spec, options)],
    volumes: toolboxImage === undefined ? volumes : [...volumes, { name: 'toolbox', emptyDir: { sizeLimit: '256Mi' } }],
    tolerations: [
      ...(spec.tolerations ?? []),
      ...['not-ready', 'unreachable'].map((taint) => ({
        key: `node.kubernetes.io/${taint}`,
        operator: 'Exists' as const,
        effect: 'NoExecute' as const,
        tolerationSeconds: UNREACHABLE_SECONDS,
      })),
    ],
    ...(spec.runtimeClassName !== undefined && { runtimeClassName: spec.runtimeClassName }),
    ...(spec.serviceAccountName !== undefined && { serviceAccountName: spec.serviceAccountName }),
    ...(spec.priorityClassName !== undefined && { priorityClassName: spec.priorityClassName }),
    ...(spec.nodeSelector !== undefined && { nodeSelector: spec.nodeSelector }),
    ...(spec.affinity !== undefined && { affinity: spec.affinity }),
    ...(spec.imagePullSecrets !== undefined && { imagePullSecrets: spec.imagePullSecrets }),
  };
}

function sandboxContainer(spec: SandboxSpec & { image: string }, options: PodOptions): Container {
  const { toolboxImage, readOnlyRootFilesystem, tickSeconds } = options;
  const toolbox = toolboxImage === undefined ? '' : TOOLBOX;
  return {
    name: CONTAINER,
    image: spec.image,
    command: ['/bin/sh', '-c', KEEPER, 'swe-agent-keeper', ROOT, String(tickSeconds), toolbox].map(literal),
    env: environment(spec),
    ...(spec.resources && { resources: spec.resources }),
    securityContext: restricted(readOnlyRootFilesystem),
    volumeMounts: [
      { name: 'workspace', mountPath: ROOT },
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'tmp', mountPath: '/var/tmp' },
      ...(toolbox ? [{ name: 'toolbox', mountPath: TOOLBOX, readOnly: true }] : []),
    ],
  };
}

const TOOLBOX_RESOURCES = { requests: { cpu: '10m', memory: '32Mi' }, limits: { cpu: '1', memory: '128Mi' } };

/**
 * The kubelet guarantees a Pod its resources only if every container asks for what it may use. A container that is over
 * before the next begins costs the Pod nothing, so who wants the guarantee for the sandbox gets it for both.
 */
function toolboxResources(sandbox: SandboxSpec['resources']): NonNullable<SandboxSpec['resources']> {
  const { requests, limits } = sandbox ?? {};
  const guaranteed = ['cpu', 'memory'].every(
    (name) => limits?.[name] !== undefined && limits[name] === (requests ?? limits)[name],
  );
  return guaranteed && limits ? { requests: limits, limits } : TOOLBOX_RESOURCES;
}

/** Where images name their users themselves: that of the toolbox may be root's, as the operator's own is. */
const TOOLBOX_USER = { runAsUser: 65532, runAsGroup: 65532 };

function toolboxContainer(image: string, user: PodOptions['user'], sandbox: SandboxSpec['resources']): Container {
  const busybox = `${TOOLBOX}/bin/busybox`;
  const script = [
    `/toolbox/bin/busybox cp -R /toolbox/. ${TOOLBOX}/ || exit 1`,
    `for name in ${APPLETS}; do [ -e ${TOOLBOX}/bin/$name ] || ${busybox} ln -s busybox ${TOOLBOX}/bin/$name; done`,
  ].join('\n');
  return {
    name: TOOLBOX_CONTAINER,
    image,
    // Kubernetes would ask the registry for a latest one each time, which a node that was given the image has none for.
    imagePullPolicy: 'IfNotPresent',
    command: ['/toolbox/bin/busybox', 'sh', '-c', script].map(literal),
    resources: toolboxResources(sandbox),
    securityContext: { ...restricted(true), ...(user === 'image' && TOOLBOX_USER) },
    volumeMounts: [{ name: 'toolbox', mountPath: TOOLBOX }],
  };
}

function restricted(readOnlyRootFilesystem: boolean): Container['securityContext'] {
  return { allowPrivilegeEscalation: false, readOnlyRootFilesystem, capabilities: { drop: ['ALL'] } };
}

/** The environment of commands. PATH is the image's. */
function environment(spec: SandboxSpec): EnvVar[] {
  const { http, https, noProxy } = spec.network?.proxy ?? {};
  const values: Record<string, string | undefined> = {
    HOME: `${ROOT}/home`,
    TMPDIR: `${ROOT}/tmp`,
    USER: 'agent',
    LOGNAME: 'agent',
    SHELL: '/bin/sh',
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    NO_COLOR: '1',
    PAGER: 'cat',
    GIT_PAGER: 'cat',
    GIT_TERMINAL_PROMPT: '0',
    DEBIAN_FRONTEND: 'noninteractive',
    PYTHONUNBUFFERED: '1',
    HTTP_PROXY: http,
    http_proxy: http,
    HTTPS_PROXY: https,
    https_proxy: https,
    NO_PROXY: noProxy,
    no_proxy: noProxy,
  };
  for (const { name, value } of spec.env ?? []) values[name] = value;
  const given = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value: literal(value) }]));
  return [...given, { name: 'SWE_AGENT_SANDBOX', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } }];
}

/** Kubernetes replaces $(NAME) in commands and variables; nothing here asks for that. */
function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}
