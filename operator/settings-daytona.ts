/** Settings of sandboxes at Daytona. */
import type { SecretText } from './secret-text.ts';
import type { SettingsReader } from './settings-reader.ts';

export type DaytonaSettings = {
  readonly apiKey: SecretText;
  /** Undefined: the SDK's own. */
  readonly apiUrl?: string;
  /** Region of sandboxes that name none; undefined: the organization's. */
  readonly target?: string;
  /** Of sessions that name neither image nor snapshot. */
  readonly image: string;
  /** Folder of the tools for images without git; it need not exist. */
  readonly toolbox: string;
  /** Undefined: the caller's own default. */
  readonly installation?: string;
};

/** What guides write in its place. */
const EXAMPLE = /^(?:dtn_)?(?:\.{3}|…|<.*>|your[_-].*|x{3,})$/i;

/**
 * @param wanted whether sandboxes are to be there; else they are when there is a key
 * @param named whether the installation has to have a name: the sandboxes of two that had the same would be taken for one's own
 */
export function daytonaSettings(
  reader: SettingsReader,
  { wanted, named }: { wanted: boolean; named: boolean },
): DaytonaSettings | undefined {
  const given = reader.secret('DAYTONA_API_KEY');
  const apiKey = given && EXAMPLE.test(given.reveal()) ? undefined : given;
  const serverUrl = address(reader, 'DAYTONA_SERVER_URL', reader.text('DAYTONA_SERVER_URL'));
  const apiUrl = address(reader, 'DAYTONA_API_URL', reader.text('DAYTONA_API_URL')) ?? serverUrl;
  const target = reader.text('DAYTONA_TARGET');
  const image = reader.text('DAYTONA_TARGET_IMAGE') ?? 'ubuntu:22.04';
  const toolbox = reader.text('SWE_AGENT_TOOLBOX') ?? '/toolbox';
  const installation = reader.text('DAYTONA_INSTALLATION');
  if (installation !== undefined && !/^[A-Za-z0-9._-]{1,63}$/.test(installation)) {
    reader.problem('DAYTONA_INSTALLATION', 'use letters, digits, -, _ and ., at most 63');
  }
  if (wanted && !apiKey)
    reader.problem('DAYTONA_API_KEY', 'SANDBOX_TYPE=daytona needs a key; make one in the dashboard of Daytona');
  if (!apiKey) return undefined;
  if (named && installation === undefined) {
    const rule = 'with DAYTONA_API_KEY, set it to a name that no other cluster with the same Daytona organization has';
    reader.problem('DAYTONA_INSTALLATION', rule);
  }
  return {
    apiKey,
    image,
    toolbox,
    ...(apiUrl !== undefined && { apiUrl }),
    ...(target !== undefined && { target }),
    ...(installation !== undefined && { installation }),
  };
}

function address(
  reader: SettingsReader,
  name: 'DAYTONA_SERVER_URL' | 'DAYTONA_API_URL',
  value: string | undefined,
): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    reader.problem(name, 'write the address of the API, such as https://app.daytona.io/api');
  }
  return value;
}
