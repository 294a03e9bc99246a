import { useTitle } from '../app/title.ts';

export default function ProfilePage() {
  useTitle('AI profile');
  return <h1>AI profile</h1>;
}
