/** What a write asks for besides its object: from the query, and for deletions also from the body. */

import type { FieldValidation } from './admission.ts';
import { badRequest, invalidObject } from './api-status.ts';
import { type FieldError, notSupported } from './field-error.ts';
import { isObject } from './json.ts';
import type { DeleteOptions, Propagation } from './objects.ts';

const validations: readonly FieldValidation[] = ['Ignore', 'Strict', 'Warn'];
const propagations: readonly Propagation[] = ['Foreground', 'Background', 'Orphan'];

export function readWriteOptions(query: URLSearchParams, kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions') {
  const errors: FieldError[] = [];
  const dryRun = readDryRun(query.getAll('dryRun'), errors);
  const asked = query.get('fieldValidation') ?? '';
  const fieldValidation = validations.find((each) => each === asked);
  if (asked !== '' && !fieldValidation) errors.push(notSupported('fieldValidation', asked, ['', ...validations]));
  if (errors.length) throw invalidObject(options(kind), '', errors);
  return { dryRun, fieldValidation: fieldValidation ?? 'Warn' };
}

/** The body wins over the query, field by field. */
export function readDeleteOptions(query: URLSearchParams, body: unknown): DeleteOptions {
  if (body !== undefined && !isObject(body)) throw badRequest('the body of a deletion must be DeleteOptions');
  const errors: FieldError[] = [];
  const sent = Array.isArray(body?.dryRun) ? body.dryRun.map(String) : query.getAll('dryRun');
  const dryRun = readDryRun(sent, errors);
  const asked = body?.propagationPolicy ?? query.get('propagationPolicy') ?? undefined;
  const orphan = body?.orphanDependents ?? (query.get('orphanDependents') === 'true' || undefined);
  const propagation = orphan === true ? 'Orphan' : propagations.find((each) => each === asked);
  if (asked !== undefined && asked !== '' && !propagation) {
    errors.push(notSupported('propagationPolicy', asked, [...propagations, 'nil']));
  }
  if (errors.length) throw invalidObject(options('DeleteOptions'), '', errors);
  const { uid, resourceVersion } = isObject(body?.preconditions) ? body.preconditions : {};
  return {
    dryRun,
    ...(propagation && { propagation }),
    preconditions: { ...(typeof uid === 'string' && { uid }), ...(typeof resourceVersion === 'string' && { resourceVersion }) },
  };
}

function readDryRun(values: readonly string[], errors: FieldError[]): boolean {
  if (values.some((value) => value !== 'All')) errors.push(notSupported('dryRun', values, ['All']));
  return values.length > 0;
}

function options(kind: string) {
  return { group: 'meta.k8s.io', version: 'v1', plural: '', kind, namespaced: false };
}
