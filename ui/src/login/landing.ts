/** Where to go after the login: back to the view that asked for it, and never to another site. */
export function landing(next: string | null): string {
  if (next === null || !/^\/(?![/\\])/.test(next) || next.startsWith('/login')) return '/';
  return next;
}
