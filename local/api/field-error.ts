/** What is wrong with one field, worded as kube-apiserver words it. */

/** The words that begin the message, and the reason that programs read. */
const reasons = {
  required: ['Required value', 'FieldValueRequired'],
  invalid: ['Invalid value', 'FieldValueInvalid'],
  typeInvalid: ['Invalid value', 'FieldValueTypeInvalid'],
  notSupported: ['Unsupported value', 'FieldValueNotSupported'],
  duplicate: ['Duplicate value', 'FieldValueDuplicate'],
  forbidden: ['Forbidden', 'FieldValueForbidden'],
  tooLong: ['Too long', 'FieldValueTooLong'],
  tooMany: ['Too many', 'FieldValueTooMany'],
} as const;

export type FieldError = {
  readonly type: keyof typeof reasons;
  /** Path of the field: spec.inputs[0].id */
  readonly field: string;
  /** The offending value; absent when the message does not show it. */
  readonly value?: unknown;
  readonly detail?: string;
};

export type Cause = { reason: string; message: string; field: string };

export const required = (field: string, detail = ''): FieldError => ({ type: 'required', field, detail });
export const invalid = (field: string, value: unknown, detail: string): FieldError => ({ type: 'invalid', field, value, detail });
export const forbidden = (field: string, detail: string): FieldError => ({ type: 'forbidden', field, detail });
export const duplicate = (field: string, value: unknown): FieldError => ({ type: 'duplicate', field, value });
export const tooLong = (field: string, max: number): FieldError => ({
  type: 'tooLong',
  field,
  detail: `may not be more than ${max} bytes`,
});
export const notSupported = (field: string, value: unknown, supported: readonly unknown[]): FieldError => ({
  type: 'notSupported',
  field,
  value,
  detail: `supported values: ${supported.map((each) => JSON.stringify(String(each))).join(', ')}`,
});

export function causeOf(error: FieldError): Cause {
  return { reason: reasons[error.type][1], message: bodyOf(error), field: error.field };
}

/** All problems in one message: one as it is, several as [a, b]; the same one only once. */
export function aggregate(errors: readonly FieldError[]): string {
  const messages = [...new Set(errors.map((error) => `${error.field}: ${bodyOf(error)}`))];
  return messages.length === 1 ? `${messages[0]}` : `[${messages.join(', ')}]`;
}

function bodyOf(error: FieldError): string {
  const shown = 'value' in error ? `: ${JSON.stringify(error.value)}` : '';
  return `${reasons[error.type][0]}${shown}${error.detail ? `: ${error.detail}` : ''}`;
}
