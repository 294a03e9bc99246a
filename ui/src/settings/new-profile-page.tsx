import { useTitle } from '../app/title.ts';

export default function NewProfilePage() {
  useTitle('New AI profile');
  return <h1>New AI profile</h1>;
}
