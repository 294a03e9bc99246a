/** Local sandboxes as subjects of the conformance suites. */
import { describe, it } from '@jest/globals';
import type { IsolationMethod } from '../../operator/sandbox/local/isolation.ts';
import type { LocalTransportOptions } from '../../operator/sandbox/local/transport.ts';
import type { SandboxHandle, SandboxOwner } from '../../operator/sandbox/transport.ts';
import { describeSandbox, type SandboxSubject } from '../conformance/sandbox.ts';
import { describeTransport } from '../conformance/transport.ts';
import { LocalSandboxes, missing, processesNaming } from './local-sandboxes.ts';

/** Calls both conformance suites for a method, or says why it cannot be tested here. */
export function describeLocal(method: IsolationMethod, name: string, options: Partial<LocalTransportOptions> = {}): void {
  const reason = missing(method);
  if (reason) {
    describe(name, () => it.skip(`is not tested: ${reason}`, () => {}));
    return;
  }
  describeLocalTransport(method, name, options);
  describeLocalSandbox(method, name, options);
}

export function describeLocalTransport(
  method: IsolationMethod,
  name: string,
  options: Partial<LocalTransportOptions> = {},
): void {
  describeTransport(name, () => {
    const sandboxes = new LocalSandboxes(method, options);
    return {
      transport: () => sandboxes.transport(),
      owner: (given) => sandboxes.owner(given),
      processCount: (handle) => processesNaming(handle.identity.uid).length,
      close: () => sandboxes.close(),
    };
  });
}

export function describeLocalSandbox(method: IsolationMethod, name: string, options: Partial<LocalTransportOptions> = {}): void {
  const make = (): SandboxSubject => {
    const sandboxes = new LocalSandboxes(method, options);
    const transport = sandboxes.transport();
    const owners = new Map<string, SandboxOwner>();
    const signal = AbortSignal.timeout(300_000);
    return {
      provision: async (spec = {}) => {
        const owner = sandboxes.owner();
        const handle = await transport.provision(owner, spec, signal);
        owners.set(handle.identity.uid, owner);
        return handle;
      },
      findAgain: async (handle: SandboxHandle) => {
        const owner = owners.get(handle.identity.uid);
        const found = owner && (await sandboxes.transport().find(owner, {}, signal));
        if (!found) throw new Error('the sandbox is gone');
        return found;
      },
      close: () => sandboxes.close(),
    };
  };
  describeSandbox(name, make, { holds: method !== 'none' });
}
