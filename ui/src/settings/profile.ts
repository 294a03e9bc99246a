/** An AI profile as the server tells of it. Its key is in no answer: only whether there is one, how it ends and when it was set. */
import { type Fields, fields, flag, list, number, text, texts } from '../api/read.ts';

export type Profile = {
  name: string;
  display_name: string;
  provider: string;
  model: string;
  base_url: string | null;
  api_version: string | null;
  deployment: string | null;
  default: boolean;
  users: string[];
  /** Name of the profile that takes over when this one is exhausted. */
  fallback: string | null;
  parameters: Fields;
  pricing: Fields;
  /** Tokens, as set by somebody. */
  context_window: number | null;
  key: ProfileKey;
  /** Null as long as nobody knows. */
  ready: boolean | null;
  reason: string | null;
  message: string | null;
  conditions: ProfileCondition[];
  tool_calling: 'yes' | 'no' | null;
  /** Tokens, as found out. */
  found_context_window: number | null;
  /** RFC 3339, as all times here. */
  probed_at: string | null;
  /** Made from the server's environment, and only changed there. */
  read_only: boolean;
  /** Ids of unfinished sessions that use it. */
  sessions: string[];
  created_at: string | null;
};

export type ProfileKey = { set: boolean; last_four: string | null; set_at: string | null; secret: string | null };
export type ProfileCondition = { type: string; status: string; reason: string; message: string };

export function readProfile(value: unknown): Profile {
  const given = fields(value);
  const name = text(given.name, '');
  const calls = given.tool_calling;
  return {
    name,
    display_name: text(given.display_name) || name,
    provider: text(given.provider, ''),
    model: text(given.model, ''),
    base_url: text(given.base_url),
    api_version: text(given.api_version),
    deployment: text(given.deployment),
    default: flag(given.default),
    users: texts(given.users),
    fallback: text(given.fallback),
    parameters: fields(given.parameters),
    pricing: fields(given.pricing),
    context_window: number(given.context_window),
    key: readKey(fields(given.key)),
    ready: typeof given.ready === 'boolean' ? given.ready : null,
    reason: text(given.reason),
    message: text(given.message),
    conditions: list(given.conditions, (item) => {
      const one = fields(item);
      return {
        type: text(one.type, ''),
        status: text(one.status, ''),
        reason: text(one.reason, ''),
        message: text(one.message, ''),
      };
    }),
    tool_calling: calls === 'yes' || calls === 'no' ? calls : null,
    found_context_window: number(given.found_context_window),
    probed_at: text(given.probed_at),
    read_only: flag(given.read_only),
    sessions: texts(given.sessions),
    created_at: text(given.created_at),
  };
}

function readKey(given: Fields): ProfileKey {
  return {
    set: flag(given.set),
    last_four: text(given.last_four),
    set_at: text(given.set_at),
    secret: text(given.secret),
  };
}

/** The list of an answer. */
export function readProfiles(value: unknown): Profile[] {
  return inOrder(list(fields(value).items, readProfile));
}

/** The default first, then by the names that people see. */
export function inOrder(profiles: readonly Profile[]): Profile[] {
  return profiles.toSorted(
    (a, b) =>
      Number(b.default) - Number(a.default) || a.display_name.localeCompare(b.display_name) || a.name.localeCompare(b.name),
  );
}
