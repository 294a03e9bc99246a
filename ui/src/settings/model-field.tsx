/** The field for a model: known ones are suggested with what they cost and hold, any other can be typed. */
import { Autocomplete } from '@base-ui/react/autocomplete';
import { Field, Input } from '../design/field.tsx';
import { type KnownModel, modelFacts, modelsOf } from './known-models.ts';
import styles from './model-field.module.css';
import { FACTS, type ProviderId } from './providers.ts';

type ModelFieldProps = {
  provider: ProviderId;
  value: string;
  error: string | undefined;
  onChange: (value: string) => void;
  onBlur: () => void;
};

export function ModelField({ provider, value, error, onChange, onBlur }: ModelFieldProps) {
  const { placeholder, hint } = FACTS[provider].model;
  const models = modelsOf(provider);
  const chosen = models.find(({ name }) => name === value);
  const facts = chosen ? `${modelFacts(chosen)}.` : undefined;
  const said = [hint, facts].filter((text) => text !== undefined).join(' ');
  return (
    <Field label="Model" required error={error} {...(said !== '' && { hint: said })}>
      <Autocomplete.Root
        items={models}
        value={value}
        onValueChange={(next) => onChange(next)}
        itemToStringValue={(model: KnownModel) => model.name}
        openOnInputClick
      >
        <Autocomplete.Input
          render={({ id: _, 'aria-describedby': __, 'aria-invalid': ___, ...props }) => (
            // The label, the hint and the fault are the field's.
            <Input {...props} placeholder={placeholder} spellCheck={false} autoCapitalize="off" autoComplete="off" monospaced />
          )}
          onBlur={onBlur}
        />
        {models.length > 0 ? (
          <Autocomplete.Portal>
            <Autocomplete.Positioner className={styles.positioner} sideOffset={4}>
              <Autocomplete.Popup className={styles.popup}>
                <Autocomplete.List className={styles.list}>
                  {(model: KnownModel) => (
                    <Autocomplete.Item key={model.name} value={model} className={styles.item}>
                      <span className={styles.name}>{model.name}</span>
                      <span className={styles.facts}>{modelFacts(model)}</span>
                    </Autocomplete.Item>
                  )}
                </Autocomplete.List>
              </Autocomplete.Popup>
            </Autocomplete.Positioner>
          </Autocomplete.Portal>
        ) : null}
      </Autocomplete.Root>
    </Field>
  );
}
