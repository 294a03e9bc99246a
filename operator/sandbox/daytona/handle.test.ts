import { describeSandbox } from '../../../test/conformance/sandbox.ts';
import { DaytonaSandboxes } from '../../../test/support/daytona/sandboxes.ts';

for (const { name, refusesWebSockets } of [
  { name: 'Daytona', refusesWebSockets: false },
  { name: 'Daytona (behind a proxy that refuses WebSockets)', refusesWebSockets: true },
]) {
  describeSandbox(
    name,
    async () => {
      const sandboxes = await DaytonaSandboxes.start();
      sandboxes.server.refusesWebSockets = refusesWebSockets;
      return {
        provision: (spec) => sandboxes.provision(spec),
        findAgain: (handle) => sandboxes.findAgain(handle),
        close: () => sandboxes.close(),
      };
    },
    { holds: false },
  );
}
