/** How a sandbox is called at Daytona, and how it is known whose it is. */
import { createHash } from 'node:crypto';
import { GROUP, SESSION_UID_LABEL } from '../../api/resources.ts';
import type { SandboxOwner } from '../transport.ts';

const INSTALLATION = `${GROUP}/installation`;
const NAME = `${GROUP}/session-name`;
const NAMESPACE = `${GROUP}/session-namespace`;

/** Names are unique within an organization, which several installations may share. */
export function nameOf({ namespace, name }: SandboxOwner, installation: string): string {
  const hash = createHash('sha256').update(`${installation}/${namespace}/${name}`).digest('hex').slice(0, 10);
  const readable = name.replaceAll('.', '-').slice(0, 40).replace(/-+$/, '');
  return `swe-agent-${readable}-${hash}`;
}

export function labelsOf({ uid, namespace, name }: SandboxOwner, installation: string): Record<string, string> {
  return { ...installationLabels(installation), [SESSION_UID_LABEL]: uid, [NAME]: name, [NAMESPACE]: namespace };
}

/** What all sandboxes of this installation carry. */
export function installationLabels(installation: string): Record<string, string> {
  return { 'app.kubernetes.io/managed-by': 'swe-agent', [INSTALLATION]: installation };
}

/** Whose it is; undefined when this installation did not make it. */
export function ownerOf(labels: Record<string, string>, installation: string): SandboxOwner | undefined {
  if (Object.entries(installationLabels(installation)).some(([key, value]) => labels[key] !== value)) return undefined;
  const { [SESSION_UID_LABEL]: uid, [NAME]: name, [NAMESPACE]: namespace } = labels;
  return uid && name && namespace ? { uid, name, namespace } : undefined;
}
