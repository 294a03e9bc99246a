/** What most people never need: fallback, context window, parameters of calls, prices. */
import { ChevronRight } from 'lucide-react';
import { knownModel } from '../../../operator/llm/prices.ts';
import { shownName } from '../api/profiles.ts';
import { Field, Input, Select } from '../design/field.tsx';
import styles from './form.module.css';
import type { Profile } from './profile.ts';
import { objectName, type ProfileErrors, type ProfileField, type ProfileValues } from './profile-values.ts';
import { FACTS } from './providers.ts';

type AdvancedFieldsProps = {
  values: ProfileValues;
  errors: ProfileErrors;
  /** Profiles that may be the fallback. */
  others: readonly Profile[];
  isNew: boolean;
  onChange: (part: Partial<ProfileValues>) => void;
  onBlur: (field: ProfileField) => void;
};

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'];
/** Fields that are in here, for whoever has to open it because one of them is wrong. */
export const ADVANCED: readonly ProfileField[] = [
  ...(['name', 'fallback', 'context_window', 'temperature', 'top_p', 'max_output_tokens', 'reasoning_effort', 'api'] as const),
  ...(['input_per_million', 'cached_input_per_million', 'output_per_million'] as const),
];

export function AdvancedFields({ values, errors, others, isNew, onChange, onBlur }: AdvancedFieldsProps) {
  const facts = FACTS[values.provider];
  const known = knownModel(values.model.trim());
  const pricing = known?.pricing;
  const wrong = ADVANCED.some((field) => errors[field] !== undefined);
  const used = ADVANCED.filter((field) => field !== 'name' && values[field as keyof ProfileValues] !== '').length;
  const text = (field: keyof ProfileValues, placeholder = '') => ({
    value: String(values[field]),
    placeholder,
    onChange: ({ currentTarget }: { currentTarget: { value: string } }) => onChange({ [field]: currentTarget.value }),
    onBlur: () => onBlur(field),
  });
  const figure = (field: keyof ProfileValues, placeholder?: number | string) => ({
    ...text(field, placeholder === undefined ? '' : String(placeholder)),
    inputMode: 'decimal' as const,
    autoComplete: 'off',
  });
  return (
    <details className={styles.advanced} {...(wrong && { open: true })}>
      <summary>
        <ChevronRight size={15} aria-hidden="true" />
        <strong>Advanced</strong>
        <span>{used > 0 ? `${used} set` : 'fallback, context window, parameters, pricing'}</span>
      </summary>
      <div className={styles.inner}>
        {facts.address.when === 'own' ? (
          <Field label={facts.address.label} hint={facts.address.hint} error={errors.base_url}>
            <Input {...text('base_url', facts.address.placeholder)} type="url" spellCheck={false} autoComplete="off" monospaced />
          </Field>
        ) : null}
        <div className={styles.pair}>
          <Field
            label="Fallback profile"
            hint="Takes over when this one is exhausted or its quota is used up."
            error={errors.fallback}
          >
            <Select {...text('fallback')}>
              <option value="">None</option>
              {others.map((one) => (
                <option key={one.name} value={one.name}>
                  {shownName(one)}
                </option>
              ))}
              {values.fallback !== '' && !others.some(({ name }) => name === values.fallback) ? (
                <option value={values.fallback}>{values.fallback} (does not exist)</option>
              ) : null}
            </Select>
          </Field>
          <Field label="Context window" hint="Tokens sent and received in one call." error={errors.context_window}>
            <Input {...figure('context_window', known?.contextWindow ?? 'as the provider says')} />
          </Field>
        </div>
        <fieldset className={styles.group}>
          <legend>Parameters of every call</legend>
          <div className={styles.thirds}>
            <Field label="Temperature" error={errors.temperature}>
              <Input {...figure('temperature', 'usual')} />
            </Field>
            <Field label="Top P" error={errors.top_p}>
              <Input {...figure('top_p', 'usual')} />
            </Field>
            <Field label="Max output tokens" error={errors.max_output_tokens}>
              <Input {...figure('max_output_tokens', 'usual')} />
            </Field>
            <Field label="Reasoning effort" error={errors.reasoning_effort}>
              <Select {...text('reasoning_effort')}>
                <option value="">Usual</option>
                {EFFORTS.map((effort) => (
                  <option key={effort} value={effort}>
                    {effort}
                  </option>
                ))}
              </Select>
            </Field>
            {facts.twoApis ? (
              <Field label="API" error={errors.api}>
                <Select {...text('api')}>
                  <option value="">Usual</option>
                  <option value="responses">Responses</option>
                  <option value="chat">Chat completions</option>
                </Select>
              </Field>
            ) : null}
          </div>
        </fieldset>
        <fieldset className={styles.group}>
          <legend>Pricing, in US dollars per million tokens</legend>
          <div className={styles.thirds}>
            <Field label="Input" error={errors.input_per_million}>
              <Input {...figure('input_per_million', pricing?.inputPerMillion ?? 'not known')} />
            </Field>
            <Field label="Cached input" error={errors.cached_input_per_million}>
              <Input
                {...figure(
                  'cached_input_per_million',
                  (values.input_per_million === '' ? pricing?.cachedInputPerMillion : undefined) ?? 'as input',
                )}
              />
            </Field>
            <Field label="Output" error={errors.output_per_million}>
              <Input {...figure('output_per_million', pricing?.outputPerMillion ?? 'not known')} />
            </Field>
          </div>
          <p className={styles.note}>
            {known
              ? 'The prices of this model are known; set them only where yours differ.'
              : 'Without prices costs are not counted, and budgets in dollars do not hold.'}
          </p>
        </fieldset>
        {isNew ? (
          <Field label="Object name" hint="What kubectl calls it. It cannot be changed later." error={errors.name}>
            <Input {...text('name', objectName({ ...values, name: '' }))} spellCheck={false} autoCapitalize="off" monospaced />
          </Field>
        ) : null}
      </div>
    </details>
  );
}
