/** What is known of a profile, in few words. */
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { useMe } from '../api/me.ts';
import { Time } from '../design/amounts.tsx';
import { compact, counted } from '../design/time.ts';
import { visibleLine } from '../timeline/visible-text.ts';
import type { Profile, ProfileKey } from './profile.ts';
import styles from './profile-facts.module.css';
import { FACTS, providerId } from './providers.ts';

export function ProfileFacts({ profile }: { profile: Profile }) {
  const { tool_calling, probed_at, key, provider, sessions } = profile;
  const window = profile.found_context_window ?? profile.context_window;
  return (
    <dl className={styles.facts}>
      <Fact label="Last test">{probed_at === null ? 'Never' : <Time value={probed_at} />}</Fact>
      <Fact label="Tool calling">
        {tool_calling === null ? 'Not known' : tool_calling === 'yes' ? 'Yes' : 'No'}
        {tool_calling === 'no' ? <span className={styles.aside}>sessions wait for a model that does</span> : null}
      </Fact>
      <Fact label="Context window">
        {window === null ? 'Not known' : <span title={counted(window, 'token')}>{compact(window)} tokens</span>}
      </Fact>
      <Fact label="Key">
        <KeyFacts profileKey={key} needed={providerNeedsKey(provider)} />
      </Fact>
      <Fact label="Users">
        <Users users={profile.users} />
      </Fact>
      <Fact label="In use by">{sessions.length === 0 ? 'No session' : <SessionsOf profile={profile} />}</Fact>
    </dl>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** `•••• 3f9a, set 2 days ago`. */
export function KeyFacts({ profileKey: { set, last_four, set_at }, needed }: { profileKey: ProfileKey; needed: boolean }) {
  if (!set) return needed ? 'None' : 'None needed';
  return (
    <>
      {last_four === null ? (
        'Set'
      ) : (
        <span className="mono">
          <span aria-hidden="true">••••</span>
          <span className="visually-hidden">ends with </span>
          {last_four}
        </span>
      )}
      {set_at === null ? null : (
        <span className={styles.aside}>
          {'set '}
          <Time value={set_at} />
        </span>
      )}
    </>
  );
}

export function providerNeedsKey(provider: string): boolean {
  const id = providerId(provider);
  return id === undefined || FACTS[id].key === 'needed';
}

/** So many are named, the rest is counted. */
const NAMED = 3;

function Users({ users }: { users: readonly string[] }) {
  const author = useMe().data?.author ?? null;
  if (users.length === 0) return 'Nobody in particular';
  const mine = users.toSorted((a, b) => Number(b === author) - Number(a === author));
  const names = mine.slice(0, NAMED).map((user) => (user === author ? `you (${user})` : visibleLine(user)));
  const more = users.length - names.length;
  return <span title={visibleLine(users.join(', '))}>{`${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`}</span>;
}

function SessionsOf({ profile }: { profile: Profile }) {
  const [first] = profile.sessions;
  const label = counted(profile.sessions.length, 'session');
  if (profile.sessions.length > 1 || first === undefined) return label;
  return <Link to={`/sessions/${encodeURIComponent(first)}`}>{label}</Link>;
}
