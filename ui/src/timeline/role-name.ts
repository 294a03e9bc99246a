/** A role with a capital letter; the agent where nobody knows whose turn it is. */
export function roleName(role: string | undefined): string {
  return role === undefined ? 'Agent' : role.charAt(0).toUpperCase() + role.slice(1);
}
