/** Where somebody lands who opens the bare address: with the sessions, or, where nothing can run yet, with the first profile. */
import { useQuery } from '@tanstack/react-query';
import { Navigate } from 'react-router';
import { profilesQuery } from '../api/profiles.ts';

export default function FirstView() {
  const profiles = useQuery(profilesQuery);
  if (profiles.isPending) return null;
  return <Navigate to={profiles.data?.length === 0 ? '/settings/profiles/new' : '/sessions'} replace />;
}
