/**
 * The field for a key. What is typed stays in the field itself: not in the page's state, not in an attribute, not in the
 * browser's memory of forms. Whoever sends it takes it from the field and empties it.
 */
import { type RefObject, useState } from 'react';
import { Field, Input } from '../design/field.tsx';
import { FACTS, otherProviderOf, type ProviderId } from './providers.ts';

type KeyFieldProps = {
  input: RefObject<HTMLInputElement | null>;
  provider: ProviderId;
  label?: string;
  error: string | undefined;
  optional?: boolean;
  /** Said first, for instance what the stored key is. */
  hint?: string;
  onChange?: (given: boolean) => void;
};

export function KeyField({ input, provider, label = 'API Key', error, optional = false, hint, onChange }: KeyFieldProps) {
  const [other, setOther] = useState<ProviderId | undefined>(undefined);
  const { keyPage } = FACTS[provider];
  return (
    <Field
      label={label}
      required={!optional}
      optional={optional}
      error={error}
      hint={
        <>
          {other ? <strong>This looks like a key of {FACTS[other].label}. </strong> : null}
          {hint ?? 'Kept in a Secret, sent to the provider only, and never shown again.'}
          {keyPage ? (
            <>
              {' '}
              Get one at{' '}
              <a href={keyPage.href} target="_blank" rel="noreferrer">
                {keyPage.label}
              </a>
              .
            </>
          ) : null}
        </>
      }
    >
      <Input
        ref={input}
        type="password"
        name="api-key"
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        data-1p-ignore=""
        data-lpignore="true"
        monospaced
        onChange={({ currentTarget }) => {
          const key = currentTarget.value.trim();
          setOther(otherProviderOf(key, provider));
          onChange?.(key !== '');
        }}
      />
    </Field>
  );
}
