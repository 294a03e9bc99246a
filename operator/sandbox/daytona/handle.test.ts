import { describeSandbox } from '../../../test/conformance/sandbox.ts';
import { DaytonaSandboxes } from '../../../test/support/daytona/sandboxes.ts';

describeSandbox(
  'Daytona',
  async () => {
    const sandboxes = await DaytonaSandboxes.start();
    return {
      provision: (spec) => sandboxes.provision(spec),
      findAgain: (handle) => sandboxes.findAgain(handle),
      close: () => sandboxes.close(),
    };
  },
  { holds: false },
);
