import { useTitle } from '../app/title.ts';

export default function NewSessionPage() {
  useTitle('New session');
  return <h1>New session</h1>;
}
