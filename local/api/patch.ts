/** JSON patch (RFC 6902), JSON merge patch (RFC 7386) and strategic merge patch. They return a new value. */
import { ApiError, badRequest } from './api-status.ts';
import { deepEqual, isObject, type JsonObject, setField } from './json.ts';
import { fieldSchema, type Schema } from './schema.ts';

const maxOperations = 10_000;

/** Fields of the object that are null in the patch go, objects merge, everything else is replaced. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setField(result, key, mergePatch(Object.hasOwn(result, key) ? result[key] : undefined, value));
  }
  return result;
}

/**
 * As a merge patch, but lists of which the schema says so merge by key or as sets, and the directives `$patch`,
 * `$retainKeys`, `$deleteFromPrimitiveList` and `$setElementOrder` (which only orders) are honoured.
 */
export function strategicMergePatch(target: unknown, patch: unknown, schema: Schema | undefined): unknown {
  if (!isObject(patch)) return patch;
  if (patch.$patch === 'delete') return {};
  const before: JsonObject = patch.$patch === 'replace' || !isObject(target) ? {} : { ...target };
  const retain = patch.$retainKeys;
  if (Array.isArray(retain)) for (const key of Object.keys(before)) if (!retain.includes(key)) delete before[key];
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || key === '$retainKeys' || key.startsWith('$setElementOrder/')) continue;
    if (key.startsWith('$deleteFromPrimitiveList/')) {
      const name = key.slice('$deleteFromPrimitiveList/'.length);
      const list = before[name];
      if (Array.isArray(list) && Array.isArray(value)) before[name] = list.filter((item) => !value.includes(item));
      continue;
    }
    if (value === null) delete before[key];
    else setField(before, key, mergeField(before[key], value, schema && fieldSchema(schema, key)));
  }
  return before;
}

function mergeField(target: unknown, value: unknown, schema: Schema | undefined): unknown {
  if (!Array.isArray(value)) return strategicMergePatch(target, value, schema);
  if (schema?.['x-kubernetes-patch-strategy'] !== 'merge') return value;
  const result: unknown[] = Array.isArray(target) ? [...target] : [];
  const mergeKey = schema['x-kubernetes-patch-merge-key'];
  if (value.some((item) => isObject(item) && item.$patch === 'replace')) result.length = 0;
  for (const item of value) {
    if (!isObject(item) || mergeKey === undefined) {
      if (!isObject(item) && !result.includes(item)) result.push(item);
      continue;
    }
    if (item.$patch === 'replace') continue;
    const at = result.findIndex((each) => isObject(each) && each[mergeKey] === item[mergeKey]);
    if (item.$patch === 'delete') {
      if (at >= 0) result.splice(at, 1);
    } else if (at >= 0) result[at] = strategicMergePatch(result[at], item, schema.items);
    else result.push(item);
  }
  return result;
}

/** Applies the operations one after the other; one that fails refuses them all. */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp');
  }
  if (patch.length > maxOperations) {
    const message = `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`;
    throw new ApiError(413, 'RequestEntityTooLarge', message);
  }
  const box = { root: structuredClone(target) };
  for (const operation of patch) {
    if (!isObject(operation)) throw badRequest('error decoding patch: an operation is no object');
    applyOperation(box, operation);
  }
  return box.root;
}

/** kube-apiserver says no more than this message about a JSON patch that cannot be applied; the cause, which kubectl shows, says why. */
function rejected(why: string): ApiError {
  return new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {
    causes: [{ reason: 'UnexpectedServerResponse', message: why, field: 'patch' }],
  });
}

function applyOperation(box: { root: unknown }, operation: JsonObject): void {
  const { op, path, from, value } = operation;
  if (typeof path !== 'string') throw rejected('an operation needs a path');
  switch (op) {
    case 'test':
      if (!deepEqual(read(box.root, path) ?? null, value ?? null)) throw rejected(`testing path ${path} value failed`);
      return;
    case 'add':
      write(box, path, value ?? null, true);
      return;
    case 'replace':
      read(box.root, path);
      write(box, path, value ?? null, false);
      return;
    case 'remove':
      remove(box, path);
      return;
    case 'move':
    case 'copy': {
      if (typeof from !== 'string') throw rejected(`${op} needs from`);
      const moved = structuredClone(read(box.root, from));
      if (op === 'move') remove(box, from);
      write(box, path, moved, true);
      return;
    }
    default:
      throw rejected(`Unexpected kind: ${String(op)}`);
  }
}

function segments(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw rejected(`path ${pointer} does not start with /`);
  return pointer
    .slice(1)
    .split('/')
    .map((each) => each.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(root: unknown, pointer: string): unknown {
  let value = root;
  for (const segment of segments(pointer)) {
    if (Array.isArray(value)) value = value[indexOf(segment, value.length - 1, pointer)];
    else if (isObject(value) && Object.hasOwn(value, segment)) value = value[segment];
    else throw rejected(`path ${pointer} does not exist`);
  }
  return value;
}

function parentOf(root: unknown, pointer: string): { parent: unknown; last: string } {
  const all = segments(pointer);
  const last = all.pop();
  if (last === undefined) throw rejected('the whole object cannot be removed');
  const parent = read(root, all.map((each) => `/${each.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''));
  return { parent, last };
}

function write(box: { root: unknown }, pointer: string, value: unknown, insert: boolean): void {
  if (pointer === '') {
    box.root = value;
    return;
  }
  const { parent, last } = parentOf(box.root, pointer);
  if (Array.isArray(parent)) {
    if (insert) parent.splice(last === '-' ? parent.length : indexOf(last, parent.length, pointer), 0, value);
    else parent[indexOf(last, parent.length - 1, pointer)] = value;
  } else if (isObject(parent)) setField(parent, last, value);
  else throw rejected(`path ${pointer} does not exist`);
}

function remove(box: { root: unknown }, pointer: string): void {
  const { parent, last } = parentOf(box.root, pointer);
  if (Array.isArray(parent)) parent.splice(indexOf(last, parent.length - 1, pointer), 1);
  else if (isObject(parent) && Object.hasOwn(parent, last)) delete parent[last];
  else throw rejected(`path ${pointer} does not exist`);
}

function indexOf(segment: string, max: number, pointer: string): number {
  const index = /^(0|[1-9]\d*)$/.test(segment) ? Number(segment) : -1;
  if (index < 0 || index > max) throw rejected(`path ${pointer} does not exist`);
  return index;
}
