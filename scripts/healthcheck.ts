/** Exit code 0 when the gateway of this container says that it is ready. For the image's HEALTHCHECK. */
import { isIPv6 } from 'node:net';
import { describeError } from '../operator/logger.ts';
import { loadSettings } from '../operator/settings.ts';

/** Below the time that Docker gives a check. */
const DEADLINE_MS = 4_000;

try {
  const { host, port } = loadSettings();
  const address = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : isIPv6(host) ? `[${host}]` : host;
  const answer = await fetch(`http://${address}:${port}/readyz`, { signal: AbortSignal.timeout(DEADLINE_MS) });
  if (!answer.ok) throw new Error(`/readyz answers ${answer.status}`);
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
