/** The paths below /agent/profiles. What the schema of AIProfile says is taken from there. */
import { PROFILE_FIELDS, profileRequestSchema } from '../profiles/profile-request.ts';
import { partOf, profileSchema } from '../schema/crd.ts';
import { restSchema } from '../schema/rest-names.ts';
import { answer, answerOrStream, type Json, json, object, parameter, problems, ref } from './parts.ts';

const TEXT = { type: 'string' };
const MAYBE_TEXT = { type: ['string', 'null'] };
const KEY: Json = {
  ...TEXT,
  maxLength: 8_192,
  writeOnly: true,
  description: 'The API key. It is stored in a Secret and never shown.',
};

export function profilePaths(): Json {
  const operation = (
    id: string,
    summary: string,
    parts: { parameters?: Json[]; body?: Json; optional?: boolean; answers: Json },
  ) => ({
    operationId: `profile${id}`,
    tags: ['profiles'],
    summary,
    ...(parts.parameters && { parameters: parts.parameters }),
    ...(parts.body && { requestBody: { required: !parts.optional, content: json(parts.body) } }),
    responses: { ...parts.answers, ...problems() },
  });
  const named = [parameter('profileName')];
  return {
    '/agent/profiles': {
      get: operation('List', 'Lists the AI profiles.', {
        parameters: [parameter('watch'), parameter('lastEventId')],
        answers: {
          200: answerOrStream(
            'All profiles. With watch=true server-sent events in their place: profile for each, synced, then a profile for each change and profile.deleted ({"name"}). list.reset: the reader begins anew.',
            object({ items: { type: 'array', items: ref('Profile') } }, ['items']),
          ),
        },
      }),
      post: operation('Create', 'Makes a profile, and stores its key.', {
        body: ref('ProfileRequest'),
        answers: { 201: answer('Made; Location names it.', ref('Profile')) },
      }),
    },
    '/agent/profiles/{name}': {
      get: operation('Get', 'Shows a profile.', { answers: { 200: answer('The profile.', ref('Profile')) } }),
      patch: operation('Change', 'Changes what is named; null takes a field away.', {
        body: ref('ProfileChange'),
        answers: { 200: answer('The profile as it is now.', ref('Profile')) },
      }),
      delete: operation('Delete', 'Deletes a profile with its key. Sessions that need it wait for another one.', {
        answers: {
          200: answer(
            'It is deleted. sessions: the unfinished ones that need it.',
            object({ name: TEXT, sessions: { type: 'array', items: TEXT } }, ['name', 'sessions']),
          ),
        },
      }),
      parameters: named,
    },
    '/agent/profiles/{name}/key': {
      put: operation('SetKey', 'Stores or replaces the key.', {
        body: object({ key: KEY }, ['key'], { additionalProperties: false }),
        answers: { 204: { description: 'It is stored.' } },
      }),
      parameters: named,
    },
    '/agent/profiles/{name}/test': {
      post: operation('Test', 'Has the operator try the model now; the conditions say what it found.', {
        answers: { 202: answer('It was asked to.', ref('Profile')) },
      }),
      parameters: named,
    },
  };
}

export function profileSchemas(): Json {
  const { spec, status } = profileSchema();
  const asked = Object.keys(PROFILE_FIELDS).map((field): [string, Json] => [field, restSchema(profileRequestSchema(field))]);
  const changes = asked.map(([field, schema]): [string, Json] => {
    const { default: _, ...rest } = schema;
    return [field, { oneOf: [{ type: 'null' }, rest] }];
  });
  const number = { type: ['integer', 'null'] };
  const profile: Json = {
    name: TEXT,
    display_name: TEXT,
    provider: restSchema(partOf(spec, 'provider')),
    model: TEXT,
    base_url: MAYBE_TEXT,
    api_version: MAYBE_TEXT,
    deployment: MAYBE_TEXT,
    default: { type: 'boolean', description: 'Whether sessions use it when nothing else decides.' },
    users: { type: 'array', items: TEXT },
    fallback: MAYBE_TEXT,
    parameters: restSchema(partOf(spec, 'parameters')),
    pricing: { oneOf: [{ type: 'null' }, restSchema(partOf(spec, 'pricing'))] },
    context_window: number,
    key: {
      oneOf: [
        { type: 'null' },
        object({ set: { type: 'boolean' }, last_four: MAYBE_TEXT, set_at: MAYBE_TEXT, secret: TEXT }, [
          'set',
          'last_four',
          'set_at',
          'secret',
        ]),
      ],
      description: 'What may be known of the key: its last four characters only when it has at least 16.',
    },
    ready: { type: ['boolean', 'null'], description: 'Whether the model answers; null while nobody knows.' },
    reason: { ...MAYBE_TEXT, description: 'Why, as a stable word.' },
    message: { ...MAYBE_TEXT, description: 'Why, as a sentence.' },
    conditions: restSchema(partOf(status, 'conditions')),
    tool_calling: { enum: ['yes', 'no', null], description: 'Whether the model was seen calling a tool.' },
    found_context_window: number,
    probed_at: { ...MAYBE_TEXT, description: 'When the operator last tried the model.' },
    read_only: { type: 'boolean', description: 'It comes from the environment of the server.' },
    sessions: { type: 'array', items: TEXT, description: 'Unfinished sessions that need it.' },
    created_at: MAYBE_TEXT,
  };
  const closed = { additionalProperties: false };
  return {
    Profile: object(profile, Object.keys(profile)),
    ProfileRequest: object(
      {
        name: { ...TEXT, maxLength: 240, description: 'Made from display_name when left out.' },
        ...Object.fromEntries(asked),
        key: KEY,
      },
      ['provider', 'model'],
      closed,
    ),
    ProfileChange: object({ ...Object.fromEntries(changes), key: KEY }, [], closed),
  };
}
