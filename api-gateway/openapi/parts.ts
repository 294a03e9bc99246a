/** Short words for what an OpenAPI document repeats. */

export type Json = Record<string, unknown>;

export function object(properties: Json, required: string[], more: Json = {}): Json {
  return { type: 'object', properties, required, ...more };
}

export function ref(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

export function parameter(name: string): Json {
  return { $ref: `#/components/parameters/${name}` };
}

export function json(schema: Json): Json {
  return { 'application/json': { schema } };
}

export function answer(description: string, schema: Json): Json {
  return { description, content: json(schema) };
}

export function answerOrStream(description: string, schema: Json): Json {
  return { description, content: { ...json(schema), 'text/event-stream': { schema: { type: 'string' } } } };
}

export function content(description: string, type: string): Json {
  return { description, content: { [type]: { schema: { type: 'string' } } } };
}

export function problems(): Json {
  return { default: { description: 'What is wrong.', content: { 'application/problem+json': { schema: ref('Problem') } } } };
}
