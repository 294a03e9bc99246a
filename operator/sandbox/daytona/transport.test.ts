import { describeTransport } from '../../../test/conformance/transport.ts';
import { DaytonaSandboxes } from '../../../test/support/daytona/sandboxes.ts';

describeTransport('Daytona', async () => {
  const sandboxes = await DaytonaSandboxes.start();
  return {
    transport: () => sandboxes.transport(),
    owner: (name) => sandboxes.owner(name),
    processCount: (handle) => sandboxes.processCount(handle),
    close: () => sandboxes.close(),
  };
});
