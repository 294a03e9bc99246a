/** Sandboxes at Daytona as the compositions use them. Loaded only where there is a key. */
import { existsSync } from 'node:fs';
import { DaytonaTransport } from './sandbox/daytona/transport.ts';
import type { DaytonaSettings } from './settings-daytona.ts';

/** @param installation by which its sandboxes are known, where the settings name none */
export function daytonaSandboxes(settings: DaytonaSettings, installation: string): DaytonaTransport {
  const { apiKey, toolbox, ...options } = settings;
  return new DaytonaTransport({
    installation,
    ...options,
    apiKey: apiKey.reveal(),
    ...(existsSync(toolbox) && { toolbox }),
  });
}
