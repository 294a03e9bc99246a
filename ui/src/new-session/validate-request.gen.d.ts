import type { ErrorObject } from 'ajv';

/** True for a valid request; otherwise `errors` says what is wrong, until the next call. */
declare const validate: ((data: unknown) => boolean) & { errors?: ErrorObject[] | null };
export default validate;
