/** A labelled field with its hint and what is wrong with it, and the controls to put into it. */
import { CircleAlert } from 'lucide-react';
import { type ComponentProps, createContext, type ReactNode, use, useId } from 'react';
import { classes } from './classes.ts';
import styles from './field.module.css';

type FieldState = { id: string; describedBy: string | undefined; invalid: boolean; required: boolean };

const FieldContext = createContext<FieldState | null>(null);

export type FieldProps = {
  label: ReactNode;
  /** What to enter, said before it goes wrong. */
  hint?: ReactNode;
  /** What is wrong and what to do about it. */
  error?: string | undefined;
  required?: boolean;
  /** Says so beside the label; for single optional fields among required ones. */
  optional?: boolean;
  className?: string | undefined;
  children: ReactNode;
};

/** Puts label, hint and error around one Input, TextArea or Select and tells it of them. */
export function Field({ label, hint, error, required = false, optional = false, className, children }: FieldProps) {
  const id = useId();
  const describedBy = classes(hint !== undefined && `${id}-hint`, error !== undefined && `${id}-error`) || undefined;
  return (
    <div className={classes(styles.field, className)}>
      <label className={styles.label} htmlFor={id}>
        {label}
        {optional ? <span className={styles.optional}>optional</span> : null}
      </label>
      <FieldContext value={{ id, describedBy, invalid: error !== undefined, required }}>{children}</FieldContext>
      {error === undefined ? null : (
        <p className={styles.error} id={`${id}-error`}>
          <CircleAlert size={14} aria-hidden="true" />
          {error}
        </p>
      )}
      {hint === undefined ? null : (
        <p className={styles.hint} id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

type Monospaced = { monospaced?: boolean };

export function Input({ monospaced = false, className, ...rest }: ComponentProps<'input'> & Monospaced) {
  return <input {...useFieldProps()} className={controlClass(monospaced, className)} {...rest} />;
}

/** Grows with its text. */
export function TextArea({ monospaced = false, className, ...rest }: ComponentProps<'textarea'> & Monospaced) {
  return <textarea {...useFieldProps()} className={controlClass(monospaced, className)} {...rest} />;
}

/** The system's own list of choices: known to everybody, and at home on a telephone. */
export function Select({ className, children, ...rest }: ComponentProps<'select'>) {
  return (
    <select {...useFieldProps()} className={controlClass(false, className)} {...rest}>
      {children}
    </select>
  );
}

export function Checkbox({
  label,
  hint,
  ...rest
}: Omit<ComponentProps<'input'>, 'type'> & { label: ReactNode; hint?: ReactNode }) {
  const id = useId();
  return (
    <div className={styles.check}>
      <input type="checkbox" id={id} aria-describedby={hint === undefined ? undefined : `${id}-hint`} {...rest} />
      <div>
        <label htmlFor={id}>{label}</label>
        {hint === undefined ? null : (
          <p className={styles.hint} id={`${id}-hint`}>
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}

function useFieldProps() {
  const field = use(FieldContext);
  if (!field) return {};
  return {
    id: field.id,
    'aria-describedby': field.describedBy,
    'aria-invalid': field.invalid || undefined,
    'aria-required': field.required || undefined,
  };
}

function controlClass(monospaced: boolean, className: string | undefined): string {
  return classes(styles.control, monospaced && styles.monospaced, className);
}
