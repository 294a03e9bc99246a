import { useTitle } from '../app/title.ts';

export default function ProfilesPage() {
  useTitle('AI Profiles');
  return <h1>AI Profiles</h1>;
}
