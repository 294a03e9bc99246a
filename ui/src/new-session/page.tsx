/** The form for a new session, empty or filled as another one was. */
import { useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'react-router';
import { getJson } from '../api/http.ts';
import { useMe } from '../api/me.ts';
import { useTitle } from '../app/title.ts';
import { ErrorState, Skeleton } from '../design/state.tsx';
import { type Draft, draftOf, EMPTY } from './draft.ts';
import { SessionForm } from './form.tsx';
import { keptDraft } from './kept-draft.ts';
import styles from './page.module.css';

export default function NewSessionPage() {
  const [address] = useSearchParams();
  const from = address.get('from');
  useTitle('New session');
  return (
    <div className={styles.page}>
      <h1>{from === null ? 'New session' : 'Start again'}</h1>
      {from === null ? <Form from={null} draft={EMPTY} /> : <FormFrom key={from} from={from} />}
    </div>
  );
}

function FormFrom({ from }: { from: string }) {
  const session = useQuery({
    queryKey: ['session-to-start-again', from],
    queryFn: ({ signal }) => getJson(`/agent/sessions/${encodeURIComponent(from)}`, draftOf, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (session.isPending) return <Skeleton height="8.5rem" />;
  if (session.isError) {
    return <ErrorState title="That session cannot be read" error={session.error} onRetry={() => void session.refetch()} />;
  }
  return <Form from={from} draft={session.data} />;
}

function Form({ from, draft }: { from: string | null; draft: Draft }) {
  const me = useMe();
  if (me.data && !me.data.may.sessions.create) {
    return (
      <ErrorState
        title="You may not start sessions here"
        error={new Error('Ask who runs this server for the right to create AgentSessions.')}
      />
    );
  }
  return <SessionForm from={from} initial={keptDraft(from) ?? draft} />;
}
