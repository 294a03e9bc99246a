/** What every part of a session's page may need of it, without being handed it. */
import { createContext, use } from 'react';
import type { Me } from '../api/me.ts';

export type SessionPlace = {
  id: string;
  may: Me['may'];
  /** Goes to the entry that an event belongs to. */
  goTo: (seq: number) => void;
};

export const SessionContext = createContext<SessionPlace | null>(null);

export function useSession(): SessionPlace {
  const place = use(SessionContext);
  if (!place) throw new Error('this component is to be drawn within the page of a session');
  return place;
}
