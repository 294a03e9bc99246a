/** Finds fields that a JSON text names twice; JSON.parse keeps the last one in silence. */

type Frame = { readonly path: string; readonly seen?: Set<string>; key: string; index: number };

/** Paths of the repeated fields (spec.inputs[0].id). The text must be valid JSON. */
export function duplicateFields(text: string): string[] {
  const found: string[] = [];
  const stack: Frame[] = [];
  let lastString = '';
  for (let at = 0; at < text.length; at++) {
    const top = stack.at(-1);
    switch (text[at]) {
      case '"': {
        const end = endOfString(text, at);
        lastString = text.slice(at, end + 1);
        at = end;
        break;
      }
      case '{':
        stack.push({ path: below(top), key: '', index: 0, seen: new Set() });
        break;
      case '[':
        stack.push({ path: below(top), key: '', index: 0 });
        break;
      case '}':
      case ']':
        stack.pop();
        break;
      case ',':
        if (top) top.index++;
        break;
      case ':':
        if (!top?.seen) break;
        top.key = String(JSON.parse(lastString));
        if (top.seen.has(top.key)) found.push(below(top));
        top.seen.add(top.key);
        break;
    }
  }
  return found;
}

/** Where the string that begins at `start` is closed; jumps over its text, which can be megabytes. */
function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1);
  for (; quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote;
  }
  return text.length;
}

function below(frame: Frame | undefined): string {
  if (!frame) return '';
  if (!frame.seen) return `${frame.path}[${frame.index}]`;
  return frame.path === '' ? frame.key : `${frame.path}.${frame.key}`;
}
