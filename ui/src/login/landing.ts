/** Any address will do: only what is below it is looked at. */
const HERE = 'http://page.invalid';

/** Where to go after the login: back to the view that asked for it, and never to another site. */
export function landing(next: string | null): string {
  // As the browser reads it, which leaves out line breaks and tabs and takes a backslash for a slash.
  const url = next?.startsWith('/') ? URL.parse(next, HERE) : null;
  if (url?.origin !== HERE || url.pathname.startsWith('//') || url.pathname.startsWith('/login')) return '/';
  return `${url.pathname}${url.search}${url.hash}`;
}
