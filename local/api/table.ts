/** What `kubectl get` prints: metav1.Table, and the ages in it. */
import type { ApiObject, JsonObject } from './json.ts';
import type { Column, Kind } from './kind.ts';

/** What of the object goes along with each row. */
export type IncludeObject = 'Metadata' | 'Object' | 'None';

const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  cell: (object) => object.metadata.name,
};

/** `headers`: whether the columns are described; in a watch only the first table does. */
export function tableOf(
  kind: Kind,
  objects: readonly ApiObject[],
  metadata: JsonObject,
  options: { include: IncludeObject; version: string; now: number; headers?: boolean },
): JsonObject {
  // Events put their name last, where kubectl shows it only with -o wide.
  const columns = kind.columns.some((column) => column.format === 'name') ? kind.columns : [nameColumn, ...kind.columns];
  const apiVersion = `meta.k8s.io/${options.version}`;
  return {
    kind: 'Table',
    apiVersion,
    metadata,
    columnDefinitions:
      options.headers === false
        ? null
        : columns.map(({ name, type, format = '', description, priority = 0 }) => ({
            name,
            type,
            format,
            description,
            priority,
          })),
    rows: objects.map((object) => ({
      cells: columns.map((column) => cellOf(column, object, options.now)),
      ...(options.include !== 'None' && { object: options.include === 'Object' ? object : partial(object, options.version) }),
    })),
  };
}

/** The object's metadata alone. */
export function partial(object: ApiObject, version = 'v1'): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

function cellOf(column: Column, object: ApiObject, now: number): unknown {
  const value = column.cell(object);
  switch (column.type) {
    case 'date': {
      if (value === undefined) return null;
      const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
      return Number.isNaN(time) ? '<unknown>' : age(now - time);
    }
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    default:
      if (value === undefined || value === null) return null;
      return typeof value === 'object'
        ? JSON.stringify(value)
        : column.format === 'name' || typeof value === 'string'
          ? value
          : String(value);
  }
}

/** A duration in milliseconds in at most two units: 59s, 2m5s, 3h20m, 2d4h, 45d, 2y10d. */
export function age(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  if (hours < 192) return two(Math.floor(hours / 24), 'd', hours % 24, 'h');
  const days = Math.floor(hours / 24);
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? two(years, 'y', days % 365, 'd') : `${years}y`;
}

function two(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smallUnit}`;
}
