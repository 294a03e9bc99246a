import { Compass } from 'lucide-react';
import { ButtonLink } from '../design/button.tsx';
import { EmptyState } from '../design/state.tsx';
import { useTitle } from './title.ts';

export default function NotFound() {
  useTitle('Not found');
  return (
    <EmptyState
      whole
      title="There is nothing here"
      icon={<Compass size={20} aria-hidden="true" />}
      actions={<ButtonLink to="/sessions">Go to sessions</ButtonLink>}
    >
      The address may have been cut off or belong to another version of this page.
    </EmptyState>
  );
}
