/** Which form of answer a client accepts. */
import { notAcceptable } from './api-status.ts';

export type Clause = { readonly type: string; readonly parameters: ReadonlyMap<string, string> };

export type Form =
  | { readonly as: 'object'; readonly encoding: 'json' | 'yaml' }
  | { readonly as: 'Table' | 'PartialObjectMetadata'; readonly version: string };

const offered = ['application/json', 'application/yaml'];

/** The clauses of an Accept header, in the order in which they stand. */
export function parseAccept(header: string | undefined): Clause[] {
  const text = header?.trim() || '*/*';
  return text.split(',').map((clause) => {
    const [type = '', ...rest] = clause.split(';').map((each) => each.trim());
    const pairs = rest.map((pair): [string, string] => {
      const at = pair.indexOf('=');
      return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    });
    return { type: type.toLowerCase(), parameters: new Map(pairs) };
  });
}

/** The first form that the client accepts and the server knows; throws NotAcceptable when there is none. */
export function negotiate(header: string | undefined): Form {
  for (const { type, parameters } of parseAccept(header)) {
    const as = parameters.get('as');
    if (as !== undefined && isJson(type)) {
      const version = parameters.get('v') ?? 'v1';
      const known = parameters.get('g') === 'meta.k8s.io' && (version === 'v1' || version === 'v1beta1');
      if (known && as === 'Table') return { as, version };
      if (known && (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList'))
        return { as: 'PartialObjectMetadata', version };
      continue;
    }
    if (isJson(type)) return { as: 'object', encoding: 'json' };
    if (type === 'application/yaml') return { as: 'object', encoding: 'yaml' };
  }
  throw notAcceptable(offered);
}

export function contentTypeOf(form: Form): string {
  if (form.as === 'object') return `application/${form.encoding}`;
  return `application/json;as=${form.as};v=${form.version};g=meta.k8s.io`;
}

function isJson(type: string): boolean {
  return type === 'application/json' || type === '*/*' || type === 'application/*';
}
