/** Asks before a profile goes, and names the sessions that need it. */
import { useMutation, useQueries, useQueryClient } from '@tanstack/react-query';
import { Link } from 'react-router';
import { getJson } from '../api/http.ts';
import { explain } from '../api/problem.ts';
import { profilesQuery, shownName } from '../api/profiles.ts';
import { readSessionSummary } from '../api/session-summary.ts';
import { StatusPill } from '../design/badge.tsx';
import { ConfirmDialog } from '../design/dialog.tsx';
import { counted } from '../design/time.ts';
import { notify } from '../design/toast.tsx';
import { visibleLine } from '../timeline/visible-text.ts';
import styles from './dialogs.module.css';
import type { Profile } from './profile.ts';
import { allProfilesQuery, deleteProfile } from './profile-requests.ts';

/** Of more, the rest is only counted. */
const NAMED = 5;

type DeleteDialogProps = { profile: Profile; open: boolean; onClose: () => void; onDeleted: () => void };

export function DeleteDialog({ profile, open, onClose, onDeleted }: DeleteDialogProps) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => deleteProfile(profile.name),
    onSuccess: () => {
      notify(`${shownName(profile)} is deleted.`);
      client.setQueryData(allProfilesQuery.queryKey, (known: Profile[] | undefined) =>
        known?.filter(({ name }) => name !== profile.name),
      );
      client.invalidateQueries({ queryKey: profilesQuery.queryKey }).catch(() => {});
      onDeleted();
    },
    onError: (error) => notify(explain(error), 'bad'),
  });
  return (
    <ConfirmDialog
      open={open}
      onClose={onClose}
      title={`Delete ${shownName(profile)}?`}
      description={
        profile.key.set
          ? 'The profile and its key are removed. The key itself stays valid at the provider.'
          : 'The profile is removed.'
      }
      confirm="Delete profile"
      danger
      busy={remove.isPending}
      onConfirm={() => remove.mutate()}
    >
      {profile.sessions.length > 0 ? <SessionsInNeed ids={profile.sessions} /> : null}
      {profile.default ? <p>It is the default: sessions that name no profile will wait until there is another.</p> : null}
    </ConfirmDialog>
  );
}

function SessionsInNeed({ ids }: { ids: readonly string[] }) {
  const named = ids.slice(0, NAMED);
  const sessions = useQueries({
    queries: named.map((id) => ({
      queryKey: ['session-named', id],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        getJson(`/agent/sessions/${encodeURIComponent(id)}`, readSessionSummary, { signal }),
      staleTime: 10_000,
    })),
  });
  return (
    <div className={styles.sessions}>
      <p>
        {counted(ids.length, 'unfinished session')} use{ids.length === 1 ? 's' : ''} it:
      </p>
      <ul>
        {named.map((id, index) => {
          const session = sessions[index]?.data;
          return (
            <li key={id}>
              <Link to={`/sessions/${encodeURIComponent(id)}`} className="truncate">
                {visibleLine(session?.goal || id)}
              </Link>
              {session ? <StatusPill session={session} /> : null}
            </li>
          );
        })}
      </ul>
      {ids.length > NAMED ? <span>and {ids.length - NAMED} more.</span> : null}
      <span>They lose nothing: they wait, and go on when they have a profile again.</span>
    </div>
  );
}
