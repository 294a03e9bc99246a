/** What GET /agent/me answers. */
import { type Json, object } from './parts.ts';

export function meSchema(): Json {
  const text = { type: 'string' };
  const rights = (...names: string[]): Json =>
    object(Object.fromEntries(names.map((name) => [name, { type: 'boolean' }])), names);
  const me: Json = {
    author: { ...text, description: 'Who sessions are asked for by.' },
    auth: { type: 'string', enum: ['none', 'token', 'kubernetes'] },
    namespace: text,
    may: object(
      {
        sessions: rights('create', 'update', 'delete', 'read_log'),
        profiles: rights('create', 'update', 'delete'),
        keys: rights('write'),
      },
      ['sessions', 'profiles', 'keys'],
      { description: 'What need not be offered. The API server decides, whatever is said here.' },
    ),
    version: text,
    sandbox_types: { type: 'array', items: { type: 'string', enum: ['pod', 'daytona', 'local'] } },
    kubeconfig_hint: {
      type: ['string', 'null'],
      description: 'What goes before kubectl so that it reaches this server; null where the own kubeconfig does.',
    },
    local_repositories: { type: 'boolean', description: 'Whether repo_url may be a path of the machine.' },
  };
  return object(me, Object.keys(me));
}
