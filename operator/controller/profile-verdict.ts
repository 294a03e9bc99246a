/** What a call that gave no answer says about the profile, in a word for programs and a sentence for people. Pure. */
import { ModelUnavailableError } from '../engine/ports.ts';
import { ModelError } from '../llm/provider.ts';

export type Refusal = {
  reason: ModelRefusal;
  /** The provider's words, without credentials. */
  message: string;
  /** Whether it may pass without anybody doing anything. */
  passing: boolean;
};

/** Reasons of a Ready that is False, or not known, because of what a call found. */
export const MODEL_REFUSALS = [
  'InvalidKey',
  'ModelNotFound',
  'NoToolCalling',
  'ProviderAccess',
  'QuotaExceeded',
  'RequestRefused',
  'Unreachable',
  'Unavailable',
  'ProbeFailed',
] as const;
export type ModelRefusal = (typeof MODEL_REFUSALS)[number];

/** What to tell of a model that answered, but called no tool although it had to. */
export function withoutTools(model: string): Refusal {
  const message = `${model} answers, but called no tool when it was told to, and without tools it cannot work as an agent. Choose a model that calls tools.`;
  return { reason: 'NoToolCalling', message, passing: false };
}

/** What an error of a call says of the profile. */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof ModelError)) {
    // A Secret that went away meanwhile; its own condition says more.
    const passing = true;
    if (error instanceof ModelUnavailableError) return { reason: 'ProbeFailed', message: error.message, passing };
    return { reason: 'ProbeFailed', message: 'The model could not be tried; the log of the operator says why.', passing };
  }
  const { message } = error;
  switch (error.class) {
    case 'access':
      return { reason: accessReason(error), message, passing: false };
    case 'quota':
      return { reason: 'QuotaExceeded', message, passing: false };
    case 'transient':
      return { reason: error.status === undefined ? 'Unreachable' : 'Unavailable', message, passing: true };
    case 'invalid':
    case 'overflow':
      return { reason: 'RequestRefused', message, passing: false };
    default:
      return error.class satisfies never;
  }
}

function accessReason({ about }: ModelError): ModelRefusal {
  switch (about) {
    case 'key':
      return 'InvalidKey';
    case 'model':
      return 'ModelNotFound';
    case 'tools':
      return 'NoToolCalling';
    case undefined:
      return 'ProviderAccess';
    default:
      return about satisfies never;
  }
}
