/** The form that makes or changes a profile: what everybody needs first, the rest folded away. */
import { type FormEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { useMay, useMe } from '../api/me.ts';
import { explain, Problem } from '../api/problem.ts';
import { Button, ButtonLink } from '../design/button.tsx';
import { Checkbox, Field, Input } from '../design/field.tsx';
import { AdvancedFields } from './advanced-fields.tsx';
import styles from './form.module.css';
import { KeyField } from './key-field.tsx';
import { ModelField } from './model-field.tsx';
import type { Profile } from './profile.ts';
import { errorsOf, fieldOf, leavesItsHost, type ProfileErrors, type ProfileField, type ProfileValues } from './profile-values.ts';
import { ProviderField } from './provider-field.tsx';
import { FACTS, type ProviderId } from './providers.ts';
import { UsersField } from './users-field.tsx';

type ProfileFormProps = {
  initial: ProfileValues;
  /** The profile that is changed; none makes a new one. */
  profile?: Profile;
  /** All there are, to choose a fallback from. */
  profiles: readonly Profile[];
  submit: string;
  /** Where somebody goes who gives up. */
  cancel?: string;
  /** Shows the stored key and how to replace it, for a profile that is there. */
  stored?: ReactNode;
  /** Said beside the button. */
  note?: string;
  /** @param withKey whether a key was entered, too */
  onChange?: (values: ProfileValues, withKey: boolean) => void;
  /** @param key undefined when none was entered. The promise's failure is shown here. */
  onSubmit: (values: ProfileValues, key: string | undefined) => Promise<void>;
};

export function ProfileForm({ initial, profile, profiles, submit, cancel, stored, note, onChange, onSubmit }: ProfileFormProps) {
  const author = useMe().data?.author ?? null;
  const may = useMay();
  const [values, setValues] = useState(initial);
  const [hasKey, setHasKey] = useState(false);
  const [touched, setTouched] = useState<ReadonlySet<ProfileField>>(new Set());
  const [tried, setTried] = useState(false);
  const [refused, setRefused] = useState<{ errors: ProfileErrors; message: string } | null>(null);
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const key = useRef<HTMLInputElement>(null);
  const facts = FACTS[values.provider];
  const moved = profile !== undefined && leavesItsHost(profile, values);
  const asksKey = may.keys.write && (profile === undefined || moved || !profile.key.set);
  const has = hasKey && asksKey ? 'given' : profile?.key.set && !moved ? 'stored' : may.keys.write ? 'none' : 'stored';
  const all = useMemo(() => errorsOf(values, has), [values, has]);
  const shown: ProfileErrors = { ...refused?.errors };
  for (const field of Object.keys(all) as ProfileField[]) if (tried || touched.has(field)) shown[field] ??= all[field] ?? '';

  useEffect(() => onChange?.(values, hasKey), [values, hasKey, onChange]);
  const forget = (fields: string[]) => {
    setRefused((was) => {
      if (!was) return null;
      const errors = Object.fromEntries(Object.entries(was.errors).filter(([name]) => !fields.includes(name)));
      return Object.keys(errors).length > 0 ? { errors, message: '' } : null;
    });
  };
  const change = (part: Partial<ProfileValues>) => {
    setValues((was) => ({ ...was, ...part }));
    forget(Object.keys(part));
  };
  const blur = (field: ProfileField) => setTouched((was) => new Set(was).add(field));
  const focusFirst = () => {
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  };
  const send = async () => {
    setTried(true);
    if (Object.keys(all).length > 0) return focusFirst();
    setBusy(true);
    setRefused(null);
    try {
      const entered = key.current?.value.trim();
      await onSubmit(values, entered === '' ? undefined : entered);
      if (key.current) key.current.value = '';
      setHasKey(false);
      setTried(false);
      setTouched(new Set());
    } catch (error) {
      setRefused(refusalOf(error));
      focusFirst();
    } finally {
      setBusy(false);
    }
  };
  const onFormSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (!busy) void send();
  };
  const text = (field: 'display_name' | 'base_url' | 'api_version' | 'deployment') => ({
    value: values[field],
    onChange: ({ currentTarget }: { currentTarget: { value: string } }) => change({ [field]: currentTarget.value }),
    onBlur: () => blur(field),
    autoComplete: 'off',
  });
  const chooseProvider = (provider: ProviderId) => {
    // What belongs to the other provider would be wrong here.
    change({ provider, model: '', base_url: '', api: '' });
    setTouched(new Set());
    setTried(false);
  };
  const changed = profile === undefined || hasKey || JSON.stringify(values) !== JSON.stringify(initial);
  return (
    <form ref={form} className={styles.form} onSubmit={onFormSubmit} noValidate autoComplete="off">
      <Field label="Name" required error={shown.display_name} hint="How you will find it, such as My GPT.">
        <Input {...text('display_name')} maxLength={160} />
      </Field>
      <ProviderField value={values.provider} onChange={chooseProvider} />
      {facts.address.when === 'own' ? null : (
        <Field
          label={facts.address.label}
          required={facts.address.when === 'needed'}
          optional={facts.address.when === 'usual'}
          hint={facts.address.hint}
          error={shown.base_url}
        >
          <Input
            {...text('base_url')}
            type="url"
            placeholder={facts.address.placeholder}
            spellCheck={false}
            autoCapitalize="off"
            monospaced
          />
        </Field>
      )}
      <ModelField
        provider={values.provider}
        value={values.model}
        error={shown.model}
        onChange={(model) => change({ model })}
        onBlur={() => blur('model')}
      />
      {values.provider === 'azure' ? (
        <div className={styles.pair}>
          <Field label="Deployment" optional hint="Its name, where it is not the model’s." error={shown.deployment}>
            <Input {...text('deployment')} spellCheck={false} autoCapitalize="off" monospaced />
          </Field>
          <Field label="API version" optional hint="Only for the dated APIs; the v1 API otherwise." error={shown.api_version}>
            <Input {...text('api_version')} placeholder="v1" spellCheck={false} autoCapitalize="off" monospaced />
          </Field>
        </div>
      ) : null}
      {asksKey ? (
        <KeyField
          // Another provider, another key.
          key={values.provider}
          input={key}
          provider={values.provider}
          error={shown.key}
          optional={facts.key === 'optional'}
          {...(moved && {
            hint: 'The stored key was entered for another host and does not go along: please enter the one for here.',
          })}
          onChange={(given) => {
            setHasKey(given);
            forget(['key']);
          }}
        />
      ) : (
        (stored ?? (
          <p className={styles.note}>
            You may not store keys here. {facts.key === 'needed' ? 'Somebody who may has to enter one afterwards.' : ''}
          </p>
        ))
      )}
      <fieldset className={styles.group}>
        <legend>Who uses it</legend>
        <Checkbox
          label="Default"
          hint="Sessions use it when neither they nor their author have a profile of their own. There is one default."
          checked={values.default}
          onChange={({ currentTarget }) => change({ default: currentTarget.checked })}
        />
        <div>
          <p className={styles.small}>Assigned to</p>
          <p className={styles.note}>Sessions of these users use it, whatever the default is.</p>
        </div>
        <UsersField users={values.users} author={author} error={shown.users} onChange={(users) => change({ users })} />
      </fieldset>
      <AdvancedFields
        values={values}
        errors={shown}
        others={profiles.filter(({ name }) => name !== profile?.name)}
        isNew={profile === undefined}
        onChange={change}
        onBlur={blur}
      />
      <div className={styles.foot}>
        {refused && refused.message !== '' ? (
          <p className={styles.problem} role="alert">
            {refused.message}
          </p>
        ) : note === undefined ? null : (
          <p className={styles.aside}>{note}</p>
        )}
        {cancel === undefined ? null : (
          <ButtonLink to={cancel} variant="ghost">
            Cancel
          </ButtonLink>
        )}
        <Button variant="primary" type="submit" busy={busy} disabled={!changed}>
          {submit}
        </Button>
      </div>
    </form>
  );
}

/** What the server has against it, at the fields where they are, and in words what belongs to none. */
function refusalOf(error: unknown): { errors: ProfileErrors; message: string } {
  if (!(error instanceof Problem)) return { errors: {}, message: explain(error) };
  const errors: ProfileErrors = {};
  const rest: string[] = [];
  for (const { field, message } of error.errors) {
    const at = fieldOf(field);
    if (at === undefined) rest.push(`${field}: ${message}`);
    else errors[at] ??= sentence(message);
  }
  const none = error.errors.length === 0;
  return { errors, message: none ? explain(error) : rest.join(' ') };
}

/** The server's messages go on after the field's name: `must be …`, `is missing …`. */
function sentence(message: string): string {
  return /^(must|is|has|are|cannot)\b/.test(message) ? `This ${message}.`.replace(/\.\.$/, '.') : message;
}
