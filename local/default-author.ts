/** On one machine whoever applies a manifest is the user that the server runs as. */

/** Sets `spec.author` of a new AgentSession that names none. */
export function defaultAuthor(user: string): (object: Record<string, unknown>, old: unknown) => void {
  return ({ spec }, old) => {
    if (old === undefined && typeof spec === 'object' && spec !== null && !('author' in spec))
      Object.assign(spec, { author: user });
  };
}
