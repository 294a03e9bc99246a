/**
 * What clients of the Kubernetes API rely on, over plain HTTP. The embedded API and a real kube-apiserver pass it alike,
 * so that what was seen on the one holds on the other.
 */
import { describe } from '@jest/globals';
import type { ApiAccess, Wire } from '../support/embedded-api.ts';
import { builtin } from './kube-api/builtin.ts';
import { deletion } from './kube-api/deletion.ts';
import { lists } from './kube-api/lists.ts';
import { validation } from './kube-api/validation.ts';
import { watching } from './kube-api/watching.ts';
import { writes } from './kube-api/writes.ts';

/**
 * A server that serves the project's definitions, with none of their objects, and no Secret, Event or Lease. The token is
 * that of the user "ada", in the group system:masters.
 */
export type OpenApi = () => Promise<ApiAccess & Wire & AsyncDisposable>;

export function kubeApiConformance(name: string, open: OpenApi): void {
  describe(name, () => {
    writes(open);
    validation(open);
    lists(open);
    watching(open);
    deletion(open);
    builtin(open);
  });
}
