/** How a profile is, in words: what people see in lists, and what they can do about it. Pure. */
import type { Tone } from '../design/status.ts';
import type { Profile } from './profile.ts';

export type Health = {
  tone: Tone;
  mark: 'ready' | 'warning' | 'failed' | 'trying' | 'unknown';
  label: string;
  /** The server's own words, where they say more than the label. */
  detail: string | null;
  /** What to do, for a fault that the person can mend. */
  advice: 'key' | 'edit' | 'again' | null;
};

/** Labels of the reasons for which a profile is not ready. */
const FAULTS: Readonly<Record<string, { label: string; advice: Health['advice'] }>> = {
  InvalidKey: { label: 'Key refused', advice: 'key' },
  SecretNotFound: { label: 'No key', advice: 'key' },
  SecretKeyNotFound: { label: 'No key', advice: 'key' },
  SecretKeyEmpty: { label: 'No key', advice: 'key' },
  SecretNotLabelled: { label: 'Key not usable', advice: null },
  CredentialNotForHost: { label: 'Key is for another host', advice: 'key' },
  ModelNotFound: { label: 'No such model', advice: 'edit' },
  NoToolCalling: { label: 'No tool calls', advice: 'edit' },
  ProviderAccess: { label: 'Access refused', advice: null },
  QuotaExceeded: { label: 'Quota used up', advice: 'again' },
  RequestRefused: { label: 'Request refused', advice: 'edit' },
  Unreachable: { label: 'Not reachable', advice: 'again' },
  Unavailable: { label: 'Not available', advice: 'again' },
  ProbeFailed: { label: 'Test failed', advice: 'again' },
  InvalidBaseUrl: { label: 'Address not valid', advice: 'edit' },
  InvalidFallback: { label: 'Fallback not valid', advice: 'edit' },
  ProviderNotAvailable: { label: 'Provider unknown', advice: 'edit' },
};

/** @param trying whether a try that somebody asked for here is still on its way */
export function healthOf(profile: Pick<Profile, 'ready' | 'reason' | 'message'>, trying: boolean): Health {
  const { ready, reason, message } = profile;
  if (trying || (ready === null && reason === 'Probing'))
    return { tone: 'busy', mark: 'trying', label: 'Testing …', detail: null, advice: null };
  if (ready === true) return { tone: 'ok', mark: 'ready', label: 'Ready', detail: null, advice: null };
  if (ready === null) {
    return { tone: 'idle', mark: 'unknown', label: 'Not tested yet', detail: null, advice: null };
  }
  const fault = FAULTS[reason ?? ''] ?? { label: 'Not ready', advice: null };
  return { tone: 'bad', mark: 'failed', ...fault, detail: message };
}

/** What else is worth knowing of a profile that may well be ready: conditions that warn. */
export function warningsOf({ conditions }: Pick<Profile, 'conditions'>): string[] {
  return conditions
    .filter(
      ({ type, status, reason }) =>
        (type === 'FallbackResolved' && status === 'False') ||
        (type === 'DefaultProfile' && (status === 'False' || reason === 'SeveralDefaults')),
    )
    .map(({ message }) => message);
}
