import { useMe } from '../api/me.ts';
import type { Door } from './lines.ts';

/** How whoever looks reaches the server of this page from a terminal. */
export function useDoor(): Door {
  const me = useMe().data;
  return {
    origin: location.origin,
    token: me !== undefined && me.auth !== 'none',
    namespace: me?.namespace ?? null,
    kubeconfig: me?.kubeconfig_hint ?? null,
  };
}
