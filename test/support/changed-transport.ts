import type { SandboxTransport } from '../../operator/sandbox/transport.ts';

/** A transport with some of its operations replaced. */
export function through(transport: SandboxTransport, changes: Partial<SandboxTransport>): SandboxTransport {
  return {
    type: transport.type,
    provision: (...args) => transport.provision(...args),
    find: (...args) => transport.find(...args),
    dispose: (...args) => transport.dispose(...args),
    quiesce: (...args) => transport.quiesce(...args),
    listOrphans: (...args) => transport.listOrphans(...args),
    ...changes,
  };
}
