/** What most sessions leave as the server has it. */
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useId } from 'react';
import { useMe } from '../api/me.ts';
import { profilesQuery } from '../api/profiles.ts';
import { Checkbox, Field, Input, Select } from '../design/field.tsx';
import { sandboxWords } from '../design/sandbox-words.ts';
import { type Draft, isUsed } from './draft.ts';
import type { FormState } from './form.tsx';
import styles from './page.module.css';
import { NamedProfiles } from './profile-options.tsx';
import { REQUEST_FIELDS } from './request-fields.gen.ts';

type TextKey = Exclude<keyof Draft, 'push' | 'mode'>;

export function Advanced({ state }: { state: FormState }) {
  const { draft, wrong, change } = state;
  const me = useMe().data;
  const types = me?.sandbox_types ?? [];
  const known = draft.sandbox_type === '' || types.includes(draft.sandbox_type) ? types : [...types, draft.sandbox_type];
  return (
    <div className={styles.groups}>
      <Group title="Limits">
        <div className={styles.even}>
          <Box
            state={state}
            name="max_steps"
            label="Model calls"
            numeric
            placeholder={String(REQUEST_FIELDS['limits.max_steps'].default)}
          />
          <Box
            state={state}
            name="timeout_minutes"
            label="Working time in minutes"
            numeric
            placeholder={String(REQUEST_FIELDS['limits.timeout_seconds'].default / 60)}
          />
          <Box state={state} name="max_tokens" label="Tokens, in and out" numeric placeholder="no limit" />
          <Box
            state={state}
            name="max_review_rounds"
            label="Review rounds"
            numeric
            placeholder={String(REQUEST_FIELDS['limits.max_review_rounds'].default)}
          />
        </div>
      </Group>
      <Group title="Sandbox">
        <div className={styles.third}>
          <Field label="Where commands run" error={wrong.sandbox_type}>
            <Select value={draft.sandbox_type} onChange={(event) => change({ sandbox_type: event.target.value })}>
              <option value="">As the server is set up</option>
              {known.map((type) => (
                <option key={type} value={type}>
                  {sandboxWords(type)}
                </option>
              ))}
            </Select>
          </Field>
          {isUsed('image', draft) ? <Box state={state} name="image" label="Container image" placeholder="as set up" /> : null}
          {isUsed('runtime_class_name', draft) ? (
            <Box state={state} name="runtime_class_name" label="Runtime class" placeholder="kata, for instance" />
          ) : null}
        </div>
      </Group>
      <Group title="Result">
        <Box
          state={state}
          name="branch"
          label="Branch"
          placeholder="one of its own"
          hint="Never the branch that was cloned, and never by force."
        />
        <Checkbox
          label="Push the branch to the repository"
          hint="Where there is a credential for it. The result can be downloaded in any case."
          checked={draft.push}
          onChange={(event) => change({ push: event.target.checked })}
        />
        <Box
          state={state}
          name="delete_after_days"
          label="Delete the session so many days after it finished"
          numeric
          placeholder="kept for good"
        />
      </Group>
      <Group title="AI profiles by role">
        <div className={styles.third}>
          <RoleProfile state={state} name="planner" label="Planner" />
          <RoleProfile state={state} name="programmer" label="Programmer" />
          <RoleProfile state={state} name="reviewer" label="Reviewer" />
        </div>
      </Group>
      <Group title="Repository and queue">
        <div className={styles.third}>
          <Box
            state={state}
            name="depth"
            label="Commits of history"
            numeric
            placeholder={String(REQUEST_FIELDS.depth.default)}
            hint="0 fetches all."
          />
          <Box state={state} name="credentials_secret" label="Secret with the git token" placeholder="the server's own" />
          <Box
            state={state}
            name="priority"
            label="Priority"
            numeric
            placeholder={String(REQUEST_FIELDS.priority.default)}
            hint="Higher ones start first."
          />
        </div>
      </Group>
    </div>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  const id = useId();
  return (
    <section className={styles.group} aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

function Box(props: { state: FormState; name: TextKey; label: string; numeric?: boolean; placeholder: string; hint?: string }) {
  const { state, name, label, numeric = false, placeholder, hint } = props;
  return (
    <Field label={label} error={state.wrong[name]} {...(hint !== undefined && { hint })}>
      <Input
        value={state.draft[name]}
        placeholder={placeholder}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        {...(numeric && { inputMode: 'decimal' as const })}
        onChange={(event) => state.change({ [name]: event.target.value })}
      />
    </Field>
  );
}

function RoleProfile({ state, name, label }: { state: FormState; name: TextKey; label: string }) {
  const profiles = useQuery(profilesQuery).data ?? [];
  const value = state.draft[name];
  return (
    <Field label={label} error={state.wrong[name]}>
      <Select value={value} onChange={(event) => state.change({ [name]: event.target.value })}>
        <option value="">As the session</option>
        <NamedProfiles profiles={profiles} chosen={value} />
      </Select>
    </Field>
  );
}
