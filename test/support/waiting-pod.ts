/** A Pod as the operator makes them, without containers: what waits for one looks at its status alone. */
import type { Pod } from '../../operator/sandbox/pod/objects.ts';

export const PLACE = { namespace: 'ns', name: 'p' };

export const POD: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...PLACE, labels: { a: 'b' } },
  spec: {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 5,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [],
    volumes: [],
    tolerations: [],
  },
};
