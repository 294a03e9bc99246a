import { useTitle } from '../app/title.ts';

export default function SessionPage() {
  useTitle('Session');
  return <h1>Session</h1>;
}
