import { useSyncExternalStore } from 'react';
import { type SessionListing, SessionStore } from './session-store.ts';

/** Stays when nobody looks, so that the list is there at once when somebody comes back to it. */
const store = new SessionStore();

export function useSessions(): SessionListing & { retry: () => void } {
  return { ...useSyncExternalStore(store.subscribe, store.listing), retry: () => store.retry() };
}
