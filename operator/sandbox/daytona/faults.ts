/** What an error of the SDK means for a sandbox: converted once, here. */
import { storageFull } from '../storage-full.ts';
import { SandboxUnavailableError } from '../transport.ts';

/** The address of the service when none is configured; the SDK's own. */
export const DEFAULT_API_URL = 'https://app.daytona.io/api';

/** The HTTP status that an error of the SDK carries; undefined when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

/** Whatever an answer asks for, Daytona is asked again after this time, in seconds. */
const LONGEST_WAIT_SECONDS = 600;

/** Seconds that an answer asks to wait before the next request, at most ten minutes; undefined when it does not say. */
export function retryAfterOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('headers' in error)) return undefined;
  const { headers } = error;
  if (typeof headers !== 'object' || headers === null) return undefined;
  // The service has limits of several kinds, and names the kind in the header.
  const named = Object.entries(headers).filter(([name]) => name.toLowerCase().startsWith('retry-after'));
  const seconds = named.map(([, value]) => Number(value)).filter((value) => Number.isFinite(value) && value >= 0);
  return seconds.length > 0 ? Math.min(Math.max(...seconds), LONGEST_WAIT_SECONDS) : undefined;
}

/** Whether a deadline passed that an AbortSignal kept. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}

/** Whether the same request may succeed in a moment: no answer came, or one that speaks of the service alone. */
export function isPassing(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined ? isConnectionFault(error) : status === 408 || status === 429 || status >= 500;
}

function isConnectionFault(error: unknown): boolean {
  return error instanceof Error && /Connection|Timeout/.test(error.name);
}

/**
 * @param doing what was tried, as "Daytona could not …" goes on
 * @param apiUrl the address that was asked
 */
export function faultOf(error: unknown, doing: string, apiUrl: string): unknown {
  if (error instanceof SandboxUnavailableError || !(error instanceof Error)) return error;
  const status = statusOf(error);
  if (status !== undefined && /no space left on device/i.test(error.message)) return storageFull('daytona', error);
  const said = `Daytona could not ${doing}: ${error.message.replace(/\s+/g, ' ').slice(0, 500)}`;
  const unavailable = (reason: string, advice: string, permanent = false): SandboxUnavailableError =>
    new SandboxUnavailableError(reason, `${said}; ${advice}`, { permanent, cause: error });
  if (status === undefined && isConnectionFault(error)) {
    return unavailable('DaytonaUnreachable', `check that ${apiUrl} (DAYTONA_SERVER_URL) can be reached`);
  }
  switch (status) {
    case undefined:
      return error;
    case 401:
      return unavailable('DaytonaUnauthorized', `${apiUrl} does not accept the key; set DAYTONA_API_KEY to one that is valid`);
    case 402:
    case 403:
      if (/limit|quota|exceeded|credit/i.test(error.message)) {
        return unavailable(
          'DaytonaQuotaExceeded',
          'delete sandboxes that are not needed, or raise the limit of the organization',
        );
      }
      return unavailable('DaytonaForbidden', 'give the key of DAYTONA_API_KEY the right to write and delete sandboxes');
    case 429: {
      const seconds = retryAfterOf(error);
      const retryAt = seconds === undefined ? undefined : Math.ceil(Date.now() / 1000 + seconds) * 1000;
      const again = retryAt === undefined ? 'later' : `at ${new Date(retryAt).toISOString().replace('.000', '')}`;
      const message = `${said}; Daytona limits how many requests it takes, and is asked again ${again}`;
      return new SandboxUnavailableError('DaytonaRateLimited', message, { permanent: false, cause: error, retryAt });
    }
    case 400:
    case 404:
    case 409:
    case 422:
      return unavailable('DaytonaRefused', 'check image, snapshot, region (DAYTONA_TARGET) and resources of the sandbox', true);
    default:
      return unavailable('DaytonaUnavailable', `${apiUrl} answered with status ${status}; it is tried again later`);
  }
}

/** The address answers, and not as Daytona does. */
export function wrongAddress(apiUrl: string, cause?: unknown): SandboxUnavailableError {
  return new SandboxUnavailableError(
    'DaytonaAddressWrong',
    `what answers at ${apiUrl} is not the API of Daytona; correct DAYTONA_SERVER_URL (the service's own address is ${DEFAULT_API_URL})`,
    { permanent: false, cause },
  );
}
