import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ChevronRight, CircleAlert, Play, TriangleAlert } from 'lucide-react';
import { type FormEvent, Fragment, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { Link, useNavigate } from 'react-router';
import { useMay, useMe } from '../api/me.ts';
import { explain, Problem } from '../api/problem.ts';
import { type ProfileChoice, profilesQuery, shownName } from '../api/profiles.ts';
import { newKey, startSession } from '../api/start-session.ts';
import { Button } from '../design/button.tsx';
import { classes } from '../design/classes.ts';
import { Field, Input, Select, TextArea } from '../design/field.tsx';
import { visible, visibleLine } from '../timeline/visible-text.ts';
import { Advanced } from './advanced.tsx';
import { check, repositoryProblem, sortProblems, type Wrong } from './check.ts';
import { ADVANCED, type Draft, requestOf } from './draft.ts';
import { keepDraft } from './kept-draft.ts';
import { useKnownRepositories } from './known-repositories.ts';
import styles from './page.module.css';
import { profileOf } from './profile-of.ts';
import { ProfileOptions } from './profile-options.tsx';
import { unpricedOf } from './unpriced.ts';

/** What a field of the form gets: its value, what is wrong with it, and whom to tell when it changes. */
export type FormState = {
  draft: Draft;
  wrong: Wrong;
  change: (part: Partial<Draft>) => void;
};

export function SessionForm({ from, initial }: { from: string | null; initial: Draft }) {
  const [draft, setDraft] = useState(initial);
  const [wrong, setWrong] = useState<Wrong>({});
  const [rest, setRest] = useState<string[]>([]);
  const [open, setOpen] = useState(() => ADVANCED.some((key) => initial[key] !== '' && key !== 'push') || !initial.push);
  const form = useRef<HTMLFormElement>(null);
  const sent = useRef({ body: '', key: '' });
  const navigate = useNavigate();
  const client = useQueryClient();
  const known = useKnownRepositories();
  const repositories = useId();
  const localPaths = useMe().data?.local_repositories ?? true;

  useEffect(() => keepDraft(from, draft), [from, draft]);

  const show = (next: Wrong, others: string[] = []) => {
    flushSync(() => {
      setWrong(next);
      setRest(others);
      if (ADVANCED.some((key) => next[key] !== undefined)) setOpen(true);
    });
    const first = form.current?.querySelector('[aria-invalid="true"]');
    if (first instanceof HTMLElement) first.focus();
  };
  const start = useMutation({
    mutationFn: () => {
      const request = requestOf(draft);
      const body = JSON.stringify(request);
      // The same request once more, because nobody knows what became of the first, starts no second session.
      if (sent.current.body !== body) sent.current = { body, key: newKey() };
      return startSession(request, sent.current.key);
    },
    onSuccess: (id) => {
      keepDraft(from, undefined);
      client.invalidateQueries({ queryKey: ['known-repositories'] }).catch(() => {});
      return navigate(`/sessions/${encodeURIComponent(id)}`);
    },
    onError: (error) => {
      if (!(error instanceof Problem)) return show({}, [explain(error)]);
      const { wrong: next, rest: others } = sortProblems(error.errors);
      show(next, others.length === 0 && Object.keys(next).length === 0 ? [error.message] : others);
    },
  });
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (start.isPending) return;
    const next = check(draft, localPaths);
    if (Object.keys(next).length > 0) show(next);
    else {
      show({});
      start.mutate();
    }
  };
  const state: FormState = {
    draft,
    wrong,
    change: (part) => {
      setDraft((before) => ({ ...before, ...part }));
      setWrong((before) => Object.fromEntries(Object.entries(before).filter(([key]) => !(key in part))));
    },
  };
  return (
    <form
      ref={form}
      className={styles.form}
      noValidate
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          submit();
        }
      }}
    >
      <Field label="Goal" required error={wrong.goal} className={classes(styles.goal)}>
        <TextArea
          autoFocus
          value={draft.goal}
          placeholder="What should be different afterwards? Name files, symptoms and constraints, and how one can tell that it is done."
          onChange={(event) => state.change({ goal: event.target.value })}
        />
      </Field>
      <div className={styles.pair}>
        <Field label="Repository" required error={wrong.repo_url}>
          <Input
            value={draft.repo_url}
            placeholder="https://github.com/you/repository.git"
            list={repositories}
            spellCheck={false}
            autoCapitalize="none"
            autoComplete="off"
            inputMode="url"
            onChange={(event) => state.change({ repo_url: event.target.value })}
            onBlur={() => {
              const problem = repositoryProblem(draft.repo_url, localPaths);
              if (problem !== undefined) setWrong((before) => ({ ...before, repo_url: problem }));
            }}
          />
        </Field>
        <Field label="Branch, tag or commit" error={wrong.ref}>
          <Input
            value={draft.ref}
            placeholder="default branch"
            spellCheck={false}
            autoCapitalize="none"
            autoComplete="off"
            onChange={(event) => state.change({ ref: event.target.value })}
          />
        </Field>
      </div>
      <datalist id={repositories}>
        {known.map((url) => (
          <option key={url} value={url} />
        ))}
      </datalist>
      <Modes state={state} />
      <Profile state={state} />
      <Field
        label="Checks to run"
        optional
        error={wrong.verify}
        hint="One command per line. The platform runs them on the result itself, and their exit codes are the evidence. Without any, those that the plan names are run."
      >
        <TextArea
          monospaced
          rows={2}
          value={draft.verify}
          placeholder="npm test"
          spellCheck={false}
          autoCapitalize="none"
          onChange={(event) => state.change({ verify: event.target.value })}
        />
      </Field>
      <details className={styles.advanced} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <ChevronRight size={16} aria-hidden="true" />
          More options
          <span className={styles.summaryNote}>Limits, sandbox, what becomes of the result</span>
        </summary>
        <Advanced state={state} />
      </details>
      {rest.length > 0 ? (
        <Note failed>
          {rest.map((one) => (
            <p key={one}>{one}</p>
          ))}
        </Note>
      ) : null}
      <div className={styles.foot}>
        <span className={styles.keys}>
          <kbd>Ctrl</kbd> <kbd>↵</kbd> starts it
        </span>
        <Button type="submit" variant="primary" busy={start.isPending} icon={<Play size={14} aria-hidden="true" />}>
          Start session
        </Button>
      </div>
    </form>
  );
}

function Modes({ state: { draft, change } }: { state: FormState }) {
  return (
    <fieldset>
      <legend className={styles.legend}>How it works</legend>
      <div className={styles.modes}>
        <label className={styles.mode}>
          <input type="radio" name="mode" checked={draft.mode === 'auto'} onChange={() => change({ mode: 'auto' })} />
          <span className={styles.modeName}>On its own</span>
          <span className={styles.modeHint}>Plans, programs and reviews without asking.</span>
        </label>
        <label className={styles.mode}>
          <input type="radio" name="mode" checked={draft.mode === 'review'} onChange={() => change({ mode: 'review' })} />
          <span className={styles.modeName}>With my approval</span>
          <span className={styles.modeHint}>Plans, then waits for you to approve it.</span>
        </label>
      </div>
    </fieldset>
  );
}

function Profile({ state: { draft, wrong, change } }: { state: FormState }) {
  const profiles = useQuery(profilesQuery).data;
  const me = useMe().data;
  const may = useMay();
  const used = profiles && profileOf(profiles, draft.profile, me?.author ?? null);
  return (
    <div className={styles.even}>
      <Field label="AI profile" error={wrong.profile}>
        <Select value={draft.profile} onChange={(event) => change({ profile: event.target.value })}>
          <ProfileOptions profiles={profiles ?? []} author={me?.author ?? null} chosen={draft.profile} />
        </Select>
      </Field>
      <Field label="Budget" error={wrong.max_cost_usd} hint={<BudgetHint draft={draft} profiles={profiles ?? []} />}>
        <Input
          value={draft.max_cost_usd}
          inputMode="decimal"
          placeholder="US dollars, no limit when empty"
          autoComplete="off"
          onChange={(event) => change({ max_cost_usd: event.target.value })}
        />
      </Field>
      {profiles && !used ? (
        <Note>
          <p>
            No AI profile is yours and none is the default, so the session would wait.{' '}
            {may.profiles.create && profiles.length === 0 ? <Link to="/settings/profiles/new">Add a profile</Link> : null}
            {profiles.length > 0 ? 'Choose one here.' : null}
          </p>
        </Note>
      ) : null}
      {used?.ready === false ? (
        <Note>
          <p>
            <Link to={`/settings/profiles/${encodeURIComponent(used.name)}`}>{shownName(used)}</Link> is not ready
            {used.message ? `: ${visible(used.message)}` : '.'} The session waits until it is.
          </p>
        </Note>
      ) : null}
    </div>
  );
}

/** What a budget does, and where it does nothing. */
function BudgetHint({ draft, profiles }: { draft: Draft; profiles: readonly ProfileChoice[] }) {
  const author = useMe().data?.author ?? null;
  const { profiles: unpriced, whole } = unpricedOf(profiles, draft, author);
  if (unpriced.length === 0) return 'It pauses there; you can raise it then.';
  const models = [...new Set(unpriced.map(({ model }) => visibleLine(model)))].join(' and ');
  return (
    <>
      What {models} costs is not known{' '}
      {whole
        ? 'and not counted, so that no budget stops this session: it goes on.'
        : 'and not counted: only the calls of the other models come out of the budget.'}{' '}
      Limit its tokens under More options instead, or set prices in{' '}
      {unpriced.map((profile, index) => (
        <Fragment key={profile.name}>
          {index === 0 ? '' : ' and '}
          <Link to={`/settings/profiles/${encodeURIComponent(profile.name)}`}>{shownName(profile)}</Link>
        </Fragment>
      ))}
      .
    </>
  );
}

function Note({ failed = false, children }: { failed?: boolean; children: ReactNode }) {
  const Icon = failed ? CircleAlert : TriangleAlert;
  return (
    <div className={classes(styles.note, failed && styles.failed)} role={failed ? 'alert' : 'status'}>
      <Icon size={16} aria-hidden="true" />
      <div>{children}</div>
    </div>
  );
}
