import { useTitle } from '../app/title.ts';

export default function LoginPage() {
  useTitle('Log in');
  return <h1>Log in</h1>;
}
