/** What lines for a terminal are made of, whatever they do: where the server is, and how words and bodies are written. Pure. */

/** Where the server is and what it asks for. */
export type Door = {
  /** Address of this server, without a slash at its end. */
  origin: string;
  /** Whether requests need a token. */
  token: boolean;
  namespace: string | null;
  /** Put before kubectl, where it does not reach this server by itself. */
  kubeconfig: string | null;
};

/** What begins the lines for what is at a path of the server. */
export function linesFor(door: Door, path: string) {
  const base = [door.kubeconfig, 'kubectl', door.namespace === null ? '' : `-n ${quote(door.namespace)}`];
  return {
    kubectl: (rest: string): string => [...base, rest].filter((part) => part).join(' '),
    /** @param rest of the path @param options words of the shell */
    curl: (rest: string, ...options: string[]): string => {
      const token = door.token ? ['-H "Authorization: Bearer $API_TOKEN"'] : [];
      return ['curl', ...options, ...token, quote(`${door.origin}${path}${rest}`)].join(' ');
    },
  };
}

/** What has curl send JSON. @param word of the shell */
export function sendingJson(word: string): string {
  return `-H 'Content-Type: application/json' -d ${word}`;
}

/** One word of a POSIX shell. */
export function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
