import type { ReactNode } from 'react';
import { useSession } from './session-context.ts';

/** For who wants to go to where something is told. */
export function GoTo({ seq, children }: { seq: number; children: ReactNode }) {
  const { goTo } = useSession();
  return (
    <a
      href={`#e${seq}`}
      onClick={(event) => {
        event.preventDefault();
        goTo(seq);
      }}
    >
      {children}
    </a>
  );
}
