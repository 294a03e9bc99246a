/** Where a session's Pod lives, what it is called, and how it is known to be the session's. */
import { createHash } from 'node:crypto';
import { API_VERSION, GROUP, type KubeObject, type ObjectMeta, SESSION_UID_LABEL } from '../../api/resources.ts';
import type { SandboxOwner } from '../transport.ts';

/**
 * with-session: the sessions are objects of the same cluster; the Pod is in the session's namespace and owned by it.
 * namespace: the sessions are elsewhere; their Pods share one namespace, and labels say whose they are.
 */
export type Placement = { kind: 'with-session' } | { kind: 'namespace'; namespace: string };

export type Place = { namespace: string; name: string };

/** Which installation's sandbox it is: several may share a namespace, and none may sweep away another's. */
export const INSTALLATION_LABEL = `${GROUP}/installation`;
/** namespace/name of the session. */
export const SESSION_ANNOTATION = `${GROUP}/session`;

const NAME_LENGTH = 63;

/**
 * The Pod's name becomes its host name, so it has at most 63 characters and no dots. A namespace that is shared may be shared
 * with other installations, whose sessions may be called the same.
 */
export function placeOf(owner: SandboxOwner, placement: Placement, installation: string): Place {
  const shared = placement.kind === 'namespace';
  const namespace = shared ? placement.namespace : owner.namespace;
  const plain = `${owner.name}-sandbox`;
  if (!shared && plain.length <= NAME_LENGTH && !plain.includes('.')) return { namespace, name: plain };
  const whose = shared ? `${installation}/${owner.namespace}/${owner.name}` : `${owner.namespace}/${owner.name}`;
  const hash = createHash('sha256').update(whose).digest('hex').slice(0, 10);
  const readable = owner.name.replaceAll('.', '-').slice(0, NAME_LENGTH - '-sandbox-'.length - hash.length);
  return { namespace, name: `${readable.replace(/-+$/, '')}-sandbox-${hash}` };
}

export function metadataOf(owner: SandboxOwner, place: Place, placement: Placement, installation: string): ObjectMeta {
  return {
    ...place,
    labels: {
      'app.kubernetes.io/name': 'swe-agent',
      'app.kubernetes.io/component': 'sandbox',
      'app.kubernetes.io/managed-by': 'swe-agent',
      [INSTALLATION_LABEL]: installation,
      [SESSION_UID_LABEL]: owner.uid,
    },
    annotations: { [SESSION_ANNOTATION]: `${owner.namespace}/${owner.name}` },
    ...(placement.kind === 'with-session' && {
      ownerReferences: [
        {
          apiVersion: API_VERSION,
          kind: 'AgentSession',
          name: owner.name,
          uid: owner.uid,
          controller: true,
          blockOwnerDeletion: false,
        },
      ],
    }),
  };
}

/** Selects what this installation made. */
export function selectorOf(installation: string): string {
  return `app.kubernetes.io/managed-by=swe-agent,app.kubernetes.io/component=sandbox,${INSTALLATION_LABEL}=${installation}`;
}

/** Whether this installation made it, for whichever session. */
export function isSandbox({ metadata: { labels = {} } }: KubeObject, installation: string): boolean {
  return (
    labels['app.kubernetes.io/managed-by'] === 'swe-agent' &&
    labels['app.kubernetes.io/component'] === 'sandbox' &&
    labels[INSTALLATION_LABEL] === installation
  );
}

export function belongsTo(object: KubeObject, owner: SandboxOwner, installation: string): boolean {
  return isSandbox(object, installation) && object.metadata.labels?.[SESSION_UID_LABEL] === owner.uid;
}

/** Whose it is; undefined when it does not say. */
export function ownerOf({ metadata }: KubeObject): SandboxOwner | undefined {
  const uid = metadata.labels?.[SESSION_UID_LABEL];
  const [namespace, name] = metadata.annotations?.[SESSION_ANNOTATION]?.split('/') ?? [];
  return uid && namespace && name ? { uid, name, namespace } : undefined;
}
