/** What requests may have, from the schema of AgentSession. */
import { partOf, sessionSchema } from '../schema/crd.ts';
import { restName, restSchema } from '../schema/rest-names.ts';
import { REQUEST_FIELDS, requestSchema } from '../session-request.ts';
import type { Json } from './parts.ts';

export function requestProperties(): Json {
  return Object.fromEntries(Object.entries(REQUEST_FIELDS).map(([field, path]) => [field, restSchema(requestSchema(path))]));
}

/** Every limit may be null, and none has a default: what is left out stays as it is. */
export function limitsRequest(): Json {
  const { properties = {} } = partOf(sessionSchema().spec, 'limits');
  const limits = Object.entries(properties).map(([name, limit]) => {
    const { default: _, ...rest } = restSchema(limit);
    return [restName(name), { ...rest, type: [limit.type, 'null'] }];
  });
  return { type: 'object', properties: Object.fromEntries(limits), additionalProperties: false };
}
