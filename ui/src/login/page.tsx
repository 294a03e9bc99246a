/** Where somebody proves who they are: with a token, once; a cookie that no script can read keeps it. */
import { useMutation } from '@tanstack/react-query';
import { LogIn } from 'lucide-react';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { Navigate, useSearchParams } from 'react-router';
import { logIn, useMe } from '../api/me.ts';
import { explain, Problem } from '../api/problem.ts';
import { ConnectionBanner } from '../app/connection-banner.tsx';
import { Logo } from '../app/logo.tsx';
import { useTitle } from '../app/title.ts';
import { Button } from '../design/button.tsx';
import { Field, Input } from '../design/field.tsx';
import { landing } from './landing.ts';
import styles from './page.module.css';

const TIMEOUT = 20_000;

export default function LoginPage() {
  const me = useMe();
  const [address] = useSearchParams();
  const [token, setToken] = useState('');
  const [missing, setMissing] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const next = landing(address.get('next'));
  useTitle('Log in');
  const login = useMutation({
    mutationFn: () => logIn(token.trim(), AbortSignal.timeout(TIMEOUT)),
    // Loaded anew, so that nothing is left of whoever was here before.
    onSuccess: () => location.assign(next),
    onError: () => field.current?.select(),
  });
  useEffect(() => field.current?.focus(), []);
  if (me.isSuccess && login.isIdle) return <Navigate to={next} replace />;
  const cluster = me.error instanceof Problem && me.error.challenge === 'kubernetes';
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setMissing(token.trim() === '');
    if (token.trim() !== '' && !login.isPending && !login.isSuccess) login.mutate();
    else field.current?.focus();
  };
  const error = missing ? 'Enter the token.' : login.isError ? explain(login.error) : undefined;
  return (
    <>
      <ConnectionBanner />
      <main className={styles.page}>
        <form className={styles.box} onSubmit={submit} noValidate>
          <p className={styles.brand}>
            <Logo /> SWE Agent
          </p>
          <h1>Log in</h1>
          <p className={styles.hint}>
            {cluster
              ? 'With a token of the cluster. What you may do here is what it may do there.'
              : 'With the token that this server was started with.'}
          </p>
          <Field
            label="Token"
            error={error}
            hint={
              cluster ? (
                <>
                  For instance from <code>kubectl create token NAME</code>
                </>
              ) : (
                <>
                  The value of <code>API_TOKEN</code>
                </>
              )
            }
          >
            <Input
              ref={field}
              type="password"
              autoComplete="current-password"
              value={token}
              onChange={(event) => {
                setToken(event.target.value);
                setMissing(false);
                if (login.isError) login.reset();
              }}
            />
          </Field>
          <Button
            type="submit"
            variant="primary"
            busy={login.isPending || login.isSuccess}
            icon={<LogIn size={15} aria-hidden="true" />}
          >
            Log in
          </Button>
        </form>
      </main>
    </>
  );
}
