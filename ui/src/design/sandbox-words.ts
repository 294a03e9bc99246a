/** Kinds of sandboxes in words. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ['pod', 'Pod of the cluster'],
  ['daytona', 'Daytona sandbox'],
  ['local', "Folder on the server's machine"],
]);

export function sandboxWords(type: string): string {
  return WORDS.get(type) ?? type;
}
