/** All sessions, live. */
import { useMemo, useRef } from 'react';
import { useSearchParams } from 'react-router';
import { useShortcuts } from '../app/shortcuts.ts';
import { useTitle } from '../app/title.ts';
import { repositoryName } from '../design/repository-name.ts';
import { ErrorState } from '../design/state.tsx';
import { EmptyList, NoMatch } from './empty-list.tsx';
import { choices, countViews, EVERYTHING, isIn, type ListQuery, matching, readQuery, sorted, writeQuery } from './list-query.ts';
import styles from './page.module.css';
import { LoadingRows, SessionRows } from './rows.tsx';
import { Toolbar } from './toolbar.tsx';
import { useSessions } from './use-sessions.ts';

export default function SessionsPage() {
  const { sessions, problem, state, retry } = useSessions();
  const [address, setAddress] = useSearchParams();
  const query = readQuery(address);
  const search = useRef<HTMLInputElement>(null);
  const all = useMemo(() => [...(sessions?.values() ?? [])], [sessions]);
  const attention = useMemo(() => all.filter((one) => isIn('attention', one.status)).length, [all]);
  const repositories = useMemo(() => choices(all.map((one) => repositoryName(one.repo_url))), [all]);
  const authors = useMemo(() => choices(all.map((one) => one.author)), [all]);
  const { text, repository, author, order, view } = query;
  const found = useMemo(() => matching(all, { text, repository, author }), [all, text, repository, author]);
  const counts = useMemo(() => countViews(found), [found]);
  const shown = useMemo(
    () =>
      sorted(
        found.filter((one) => isIn(view, one.status)),
        order,
      ),
    [found, view, order],
  );
  useTitle(attention > 0 ? `(${attention}) Sessions` : 'Sessions');
  useShortcuts([{ keys: '/', label: 'Search sessions', group: 'Sessions', run: () => search.current?.focus() }]);
  const change = (part: Partial<ListQuery>) => {
    // Every letter of a search in the history would make the way back long.
    setAddress(writeQuery({ ...query, ...part }), { replace: true, preventScrollReset: true });
  };
  const clear = () => change(EVERYTHING);
  return (
    <div className={styles.page}>
      <Toolbar
        bare={sessions !== null && all.length === 0}
        query={query}
        counts={sessions || problem ? counts : null}
        repositories={repositories}
        authors={authors}
        search={search}
        onChange={change}
      />
      {problem && state === 'refused' ? (
        <ErrorState title="The sessions cannot be shown" error={problem} onRetry={retry} />
      ) : sessions === null ? (
        <LoadingRows />
      ) : all.length === 0 ? (
        <EmptyList />
      ) : shown.length === 0 ? (
        <NoMatch query={query} onClear={clear} />
      ) : (
        <SessionRows sessions={shown} queryKey={address.toString()} />
      )}
    </div>
  );
}
