/** What the list shows when there is nothing in it, and what can be done about that. */
import { useQuery } from '@tanstack/react-query';
import { Bot, Plus, SearchX, SquareTerminal } from 'lucide-react';
import { useMay } from '../api/me.ts';
import { profilesQuery } from '../api/profiles.ts';
import { Button, ButtonLink } from '../design/button.tsx';
import { EmptyState } from '../design/state.tsx';
import type { ListQuery } from './list-query.ts';

export function EmptyList() {
  const may = useMay();
  const profiles = useQuery(profilesQuery);
  if (profiles.data?.length === 0) {
    return (
      <EmptyState
        title="First, an AI profile"
        icon={<Bot size={20} aria-hidden="true" />}
        actions={
          may.profiles.create ? (
            <ButtonLink to="/settings/profiles/new" variant="primary" icon={<Plus size={16} aria-hidden="true" />}>
              Add an AI profile
            </ButtonLink>
          ) : undefined
        }
      >
        A profile names a provider, a model and its key. Sessions work with it.
      </EmptyState>
    );
  }
  return (
    <EmptyState
      title="No sessions yet"
      icon={<SquareTerminal size={20} aria-hidden="true" />}
      actions={
        may.sessions.create ? (
          <ButtonLink to="/sessions/new" variant="primary" icon={<Plus size={16} aria-hidden="true" />}>
            New session
          </ButtonLink>
        ) : undefined
      }
    >
      Give it a goal and a git repository. It plans, programs, checks and reviews, and you get a branch with evidence.
    </EmptyState>
  );
}

export function NoMatch({ query, onClear }: { query: ListQuery; onClear: () => void }) {
  const filtered = query.text !== '' || query.repository !== '' || query.author !== '';
  return (
    <EmptyState
      title={filtered ? 'Nothing matches' : 'Nothing here now'}
      icon={<SearchX size={20} aria-hidden="true" />}
      actions={<Button onClick={onClear}>{filtered ? 'Clear filters' : 'Show all sessions'}</Button>}
    >
      {filtered
        ? 'No session has all that you are looking for.'
        : 'Sessions show up here by themselves as soon as there are any.'}
    </EmptyState>
  );
}
