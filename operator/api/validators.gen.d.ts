import type { ErrorObject } from 'ajv';

/** True for a valid object; otherwise `errors` says what is wrong, until the next call. */
export type Validator = ((data: unknown) => boolean) & { errors?: ErrorObject[] | null };
export const validateAgentSession: Validator;
export const validateAIProfile: Validator;
