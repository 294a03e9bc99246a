/** A view that failed while it was drawn, or whose script could not be loaded. */
import { useRouteError } from 'react-router';
import { ErrorState } from '../design/state.tsx';
import { useTitle } from './title.ts';

export function ViewFailed() {
  const error = useRouteError();
  useTitle('Something went wrong');
  return (
    <main>
      <ErrorState whole title="This view failed" error={error} onRetry={() => location.reload()} />
    </main>
  );
}
