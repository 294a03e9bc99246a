/** The name of the user that the process runs as. */
import { userInfo } from 'node:os';

/** A container may run as a number that no user has; then the name is what the environment says, else made of the number. */
export function userName(fromEnvironment: string | undefined, info: () => { username: string } = userInfo): string {
  try {
    return info().username;
  } catch {
    return fromEnvironment ?? `uid-${process.geteuid?.() ?? 'unknown'}`;
  }
}
