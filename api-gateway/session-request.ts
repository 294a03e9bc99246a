/** What a caller asks for, as the object that is created. Pure: everything that is wrong is found before anything is sent. */
import { type AgentSession, API_VERSION } from '../operator/api/resources.ts';
import { validateAgentSession } from '../operator/api/validators.gen.js';
import { GitError } from '../operator/sandbox/git/git.ts';
import { parseRepositoryUrl, refNameProblem } from '../operator/sandbox/git/repository-url.ts';
import { type FieldError, invalid } from './http/problem.ts';
import { isRecord } from './record.ts';
import { partOf, type Schema, sessionSchema } from './schema/crd.ts';
import { objectErrors, shown } from './schema/field-errors.ts';
import { fromRest, restPath, unknownField } from './schema/rest-names.ts';

/** Objects that came through the tasks endpoints carry it with the value `tasks`. */
export const DOOR_LABEL = 'sweagent.dev/door';

/** Where the fields of a request go in the spec. Everything not named here has no place in a request. */
export const REQUEST_FIELDS: Readonly<Record<string, readonly string[]>> = {
  goal: ['goal'],
  repo_url: ['repository', 'url'],
  ref: ['repository', 'ref'],
  depth: ['repository', 'depth'],
  credentials_secret: ['repository', 'credentialsSecretRef', 'name'],
  mode: ['mode'],
  profile: ['profileRef', 'name'],
  role_profiles: ['roleProfiles'],
  priority: ['priority'],
  sandbox: ['sandbox'],
  inputs: ['inputs'],
  verify: ['verify'],
  limits: ['limits'],
  publish: ['publish'],
  suspend: ['suspend'],
  ttl_seconds_after_finished: ['ttlSecondsAfterFinished'],
};

export type NewSession = {
  name: string;
  namespace: string;
  author: string;
  door: 'sessions' | 'tasks';
  allowLocalRepositories: boolean;
  /** Milliseconds since 1970. */
  now: number;
  newId: () => string;
};

/** The object for a request's body. @throws Problem 422 naming every field at fault */
export function sessionOf(body: Record<string, unknown>, given: NewSession): AgentSession {
  const errors: FieldError[] = [];
  const spec: Record<string, unknown> = { author: given.author };
  for (const [field, value] of Object.entries(body)) {
    const path = Object.hasOwn(REQUEST_FIELDS, field) ? REQUEST_FIELDS[field] : undefined;
    if (!path) errors.push(notAField(field));
    else if (value !== null) set(spec, path, fromRest(value, requestSchema(path), field, errors));
  }
  if (Array.isArray(spec.inputs)) spec.inputs = spec.inputs.map((one: unknown) => completed(one, given));
  const object: unknown = {
    apiVersion: API_VERSION,
    kind: 'AgentSession',
    metadata: {
      name: given.name,
      namespace: given.namespace,
      ...(given.door === 'tasks' && { labels: { [DOOR_LABEL]: 'tasks' } }),
    },
    spec,
  };
  errors.push(...schemaErrors(object));
  if (errors.length === 0 && isSession(object)) {
    errors.push(...meaningErrors(object, given.allowLocalRepositories));
    if (errors.length === 0) return object;
  }
  throw invalid(errors);
}

/** Whether the object is one that the API would take, as far as the schema says. */
export function isSession(object: unknown): object is AgentSession {
  return validateAgentSession(object);
}

/** What the schema has against the object, by the names of request fields. */
export function schemaErrors(object: unknown): FieldError[] {
  if (validateAgentSession(object)) return [];
  const found = objectErrors(validateAgentSession.errors ?? [], object);
  return found.map(({ path, message }) => ({ field: requestField(path), message }));
}

/** The request field of a path such as spec.repository.url, as Kubernetes names it in a refusal. */
export function requestFieldOf(path: string): string {
  return requestField(path.replace(/\[([^\]]*)\]/g, '.$1').split('.'));
}

function requestField([root, ...path]: readonly string[]): string {
  if (root !== 'spec') return [root ?? '', ...path].join('.');
  if (path.join('.') === 'repository') return 'repo_url';
  const { spec } = sessionSchema();
  for (const [field, start] of Object.entries(REQUEST_FIELDS)) {
    if (start.every((name, index) => path[index] === name)) {
      const rest = restPath(path.slice(start.length), partOf(spec, ...start));
      return `${field}${rest === '' || rest.startsWith('[') ? '' : '.'}${rest}`;
    }
  }
  return restPath(path, spec);
}

function notAField(field: string): FieldError {
  if (field === 'author') return { field, message: 'is filled in by the server; leave it out' };
  return unknownField(field, field, Object.keys(REQUEST_FIELDS));
}

/** What the schema cannot say. */
function meaningErrors({ spec }: AgentSession, allowLocal: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.goal.trim() === '') errors.push({ field: 'goal', message: 'must not be blank; say in plain words what is wanted' });
  try {
    parseRepositoryUrl(spec.repository.url, { allowLocal });
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    errors.push({ field: 'repo_url', message: inRestTerms(error.message) });
  }
  const { ref } = spec.repository;
  const refProblem = ref === undefined ? undefined : refNameProblem(ref);
  if (refProblem !== undefined)
    errors.push({ field: 'ref', message: `${refProblem}, unlike a branch, tag or commit: ${shown(ref)}` });
  return errors;
}

function inRestTerms(message: string): string {
  return message
    .replace(/^repository\.url /, '')
    .replaceAll('repository.credentialsSecretRef', 'credentials_secret')
    .replaceAll('repository.url', 'repo_url');
}

/** An input as the caller wrote it, with what the server adds. */
function completed(input: unknown, given: Pick<NewSession, 'author' | 'now' | 'newId'>): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  return { id: given.newId(), ...input, author: given.author, time: new Date(given.now).toISOString() };
}

function set(target: Record<string, unknown>, [name, ...rest]: readonly string[], value: unknown): void {
  if (name === undefined) return;
  if (rest.length === 0) {
    target[name] = value;
    return;
  }
  const inner: Record<string, unknown> = isRecord(target[name]) ? target[name] : {};
  target[name] = inner;
  set(inner, rest, value);
}

/** The schema of what a request field holds. */
export function requestSchema(path: readonly string[]): Schema {
  const schema = partOf(sessionSchema().spec, ...path);
  return path[0] === 'inputs' ? { ...schema, items: inputSchema() } : schema;
}

/** Fields of a message to a session; who sent it and when is filled in by the server. */
export function inputSchema(): Schema {
  const items = partOf(sessionSchema().spec, 'inputs').items;
  if (!items) throw new Error('the schema does not describe spec.inputs');
  const { author: _author, time: _time, ...properties } = items.properties ?? {};
  return { ...items, properties, required: ['message'] };
}
