/** Events, in the two shapes that Kubernetes gives the same objects: events.k8s.io/v1 (stored) and core v1. */
import { RESOURCES, type Resource } from '../../../operator/api/resources.ts';
import { type FieldError, invalid, required } from '../field-error.ts';
import { type ApiObject, isObject, type JsonObject } from '../json.ts';
import { allVerbs, type Column, type Kind, objectSchema } from '../kind.ts';
import type { Schema } from '../schema.ts';

const time: Schema = { type: 'string', format: 'date-time', nullable: true };
const reference: Schema = {
  type: 'object',
  description: 'The object that the event is about.',
  properties: Object.fromEntries(
    ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((name) => [name, { type: 'string' }]),
  ),
};
const source: Schema = { type: 'object', properties: { component: { type: 'string' }, host: { type: 'string' } } };
const common: Record<string, Schema> = {
  eventTime: { ...time, format: 'micro-time', description: 'When the event was first seen.' },
  action: { type: 'string', description: 'What was done.' },
  reason: { type: 'string', description: 'Why, in one word for programs.' },
  type: { type: 'string', description: 'Normal or Warning.' },
  reportingInstance: { type: 'string', description: 'Which instance of the controller reported it.' },
  related: { ...reference, description: 'A second object that is involved.' },
  series: {
    type: 'object',
    description: 'How often the event was seen.',
    properties: { count: { type: 'integer', format: 'int32' }, lastObservedTime: { type: 'string', format: 'micro-time' } },
  },
};

/** Field by field: events.k8s.io/v1 and core v1. */
const names: readonly (readonly [string, string])[] = [
  ['note', 'message'],
  ['regarding', 'involvedObject'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
];

const core: Resource = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };

export const eventKind: Kind = {
  ...sharedParts((object) => object),
  resource: RESOURCES.events,
  schema: objectSchema('Event tells what happened to an object.', {
    ...common,
    note: { type: 'string', description: 'What happened, for people.' },
    regarding: reference,
    reportingController: { type: 'string', description: 'Which controller reported it.' },
    deprecatedSource: source,
    deprecatedFirstTimestamp: time,
    deprecatedLastTimestamp: time,
    deprecatedCount: { type: 'integer', format: 'int32' },
  }),
  fields: fieldsOf('regarding', 'reportingController'),
  prepare: (object) => {
    object.eventTime ??= null;
    object.deprecatedSource ??= {};
    object.deprecatedFirstTimestamp ??= null;
    object.deprecatedLastTimestamp ??= null;
    fillNamespace(object, 'regarding');
  },
  check: (object, old) => {
    const errors: FieldError[] = [];
    if (!old && !object.eventTime) errors.push(required('eventTime'));
    return [...errors, ...typeErrors(object, true), ...lengthErrors(object, 'note', 'message')];
  },
};

export const coreEventKind: Kind = {
  ...sharedParts(toNew),
  resource: core,
  schema: objectSchema('Event tells what happened to an object.', {
    ...common,
    message: { type: 'string', description: 'What happened, for people.' },
    involvedObject: reference,
    reportingComponent: { type: 'string', description: 'Which controller reported it.' },
    source,
    firstTimestamp: time,
    lastTimestamp: time,
    count: { type: 'integer', format: 'int32' },
  }),
  fields: fieldsOf('involvedObject', 'reportingComponent'),
  shape: { toStored: toNew, fromStored: toCore },
  prepare: (object) => {
    object.eventTime ??= null;
    object.source ??= {};
    object.firstTimestamp ??= null;
    object.lastTimestamp ??= null;
    object.reportingComponent ??= '';
    object.reportingInstance ??= '';
  },
  check: (object) => {
    const errors: FieldError[] = [];
    const namespace = referenceOf(object, 'involvedObject').namespace ?? '';
    if (namespace !== '' && namespace !== object.metadata.namespace) {
      errors.push(invalid('involvedObject.namespace', namespace, 'does not match event.namespace'));
    }
    return [...errors, ...typeErrors(object, false), ...lengthErrors(object, 'message')];
  },
};

/** When the event was last seen, in milliseconds since 1970. */
export function lastSeen(event: ApiObject): number {
  const series = isObject(event.series) ? event.series : {};
  const times = [series.lastObservedTime, event.deprecatedLastTimestamp, event.metadata.creationTimestamp];
  return Math.max(...times.map((each) => (typeof each === 'string' ? Date.parse(each) || 0 : 0)));
}

function sharedParts(stored: (object: ApiObject) => ApiObject) {
  return {
    singular: 'event',
    shortNames: ['ev'],
    categories: [],
    verbs: allVerbs,
    custom: false,
    status: false,
    columns: columnsOf(stored),
    nameRule: 'subdomain',
    unconditionalUpdate: true,
    bucket: 'events.k8s.io',
    report: true,
  } as const;
}

function toCore(event: ApiObject): ApiObject {
  const object = renamed(event, ([to, from]) => [to, from]);
  object.reportingComponent ??= '';
  object.reportingInstance ??= '';
  return { ...object, apiVersion: 'v1', kind: 'Event', metadata: event.metadata };
}

function toNew(event: ApiObject): ApiObject {
  const object = renamed(event, ([to, from]) => [from, to]);
  for (const name of ['reportingController', 'reportingInstance']) if (object[name] === '') delete object[name];
  return { ...object, apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: event.metadata };
}

function renamed(event: ApiObject, pair: (names: readonly [string, string]) => [string, string]): JsonObject {
  const map = new Map(names.map(pair));
  return Object.fromEntries(Object.entries(event).map(([name, value]) => [map.get(name) ?? name, value]));
}

function fieldsOf(about: string, controller: string): Kind['fields'] {
  const paths = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];
  const fields = Object.fromEntries(
    paths.map((name) => [`${about}.${name}`, (object: ApiObject) => String(referenceOf(object, about)[name] ?? '')]),
  );
  const plain = (name: string) => (object: ApiObject) => String(object[name] ?? '');
  return {
    ...fields,
    reason: plain('reason'),
    type: plain('type'),
    [controller]: plain(controller),
    ...(about === 'involvedObject' && { source: (object) => sourceOf(toNew(object)) }),
  };
}

function referenceOf(object: ApiObject, field: string): JsonObject {
  const value = object[field];
  return isObject(value) ? value : {};
}

/** An event about an object without a namespace, or that leaves it out, lives where it was created. */
function fillNamespace(object: ApiObject, field: string): void {
  const about = object[field];
  if (!isObject(about)) object[field] = {};
}

function typeErrors(object: ApiObject, strict: boolean): FieldError[] {
  const type = object.type ?? '';
  const known = type === 'Normal' || type === 'Warning' || (!strict && typeof type === 'string');
  return known ? [] : [invalid('type', '', `has invalid value: ${String(type)}`)];
}

/** `named`: what a kube-apiserver calls the note in both shapes, since it checks them as one. */
function lengthErrors(object: ApiObject, note: string, named = note): FieldError[] {
  const limits: readonly [string, number][] = [
    [note, 1024],
    ['reason', 128],
    ['action', 128],
    ['reportingInstance', 128],
  ];
  return limits.flatMap(([field, max]): FieldError[] => {
    const value = object[field];
    const long = typeof value === 'string' && value.length > max && (object.eventTime !== null || field === note);
    return long ? [invalid(field === note ? named : field, '', `can have at most ${max} characters`)] : [];
  });
}

function columnsOf(stored: (object: ApiObject) => ApiObject): Column[] {
  const column = (
    name: string,
    description: string,
    cell: (event: ApiObject) => unknown,
    more: Partial<Column> = {},
  ): Column => ({
    name,
    type: 'string',
    description,
    cell: (object) => cell(stored(object)),
    ...more,
  });
  return [
    column('Last Seen', 'When the event was last seen.', (event) => seen(event, 'last'), { type: 'date' }),
    column('Type', 'Normal or Warning.', (event) => event.type ?? ''),
    column('Reason', 'Why, in one word.', (event) => event.reason ?? ''),
    column('Object', 'The object that the event is about.', (event) => {
      const { kind, name } = referenceOf(event, 'regarding');
      return `${String(kind ?? '').toLowerCase()}/${String(name ?? '')}`;
    }),
    column('Subobject', 'The part of the object.', (event) => referenceOf(event, 'regarding').fieldPath ?? '', { priority: 1 }),
    column('Source', 'Who reported it.', sourceText, { priority: 1 }),
    column('Message', 'What happened.', (event) => String(event.note ?? '').trim()),
    column('First Seen', 'When the event was first seen.', (event) => seen(event, 'first'), { type: 'date', priority: 1 }),
    column('Count', 'How often the event was seen.', countOf, { priority: 1 }),
    column('Name', 'Name of the event.', (event) => event.metadata.name, { format: 'name', priority: 1 }),
  ];
}

function seen(event: ApiObject, which: 'first' | 'last'): unknown {
  const first = event.deprecatedFirstTimestamp ?? event.eventTime;
  if (which === 'first') return first;
  return (isObject(event.series) ? event.series.lastObservedTime : undefined) ?? event.deprecatedLastTimestamp ?? first;
}

function countOf(event: ApiObject): unknown {
  return (isObject(event.series) ? event.series.count : undefined) ?? event.deprecatedCount ?? 1;
}

function sourceOf(event: ApiObject): string {
  const component = isObject(event.deprecatedSource) ? event.deprecatedSource.component : undefined;
  return String(component ?? event.reportingController ?? '');
}

function sourceText(event: ApiObject): string {
  const host = isObject(event.deprecatedSource) ? event.deprecatedSource.host : undefined;
  const instance = host ?? event.reportingInstance;
  return instance ? `${sourceOf(event)}, ${String(instance)}` : sourceOf(event);
}
