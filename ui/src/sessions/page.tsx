import { useTitle } from '../app/title.ts';

export default function SessionsPage() {
  useTitle('Sessions');
  return <h1>Sessions</h1>;
}
