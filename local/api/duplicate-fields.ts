/** Finds fields that a JSON text names twice; JSON.parse keeps the last one in silence. */

/** Paths of the repeated fields (spec.inputs[0].id). The text must be valid JSON. */
export function duplicateFields(text: string): string[] {
  const found: string[] = [];
  const tokens = text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g);
  type Frame = { readonly path: string; readonly seen?: Set<string>; key: string; index: number };
  const stack: Frame[] = [];
  let last = '';
  for (const [token] of tokens) {
    const top = stack.at(-1);
    if (token === '{' || token === '[') {
      stack.push({ path: below(top), key: '', index: 0, ...(token === '{' && { seen: new Set<string>() }) });
    } else if (token === '}' || token === ']') stack.pop();
    else if (token === ',' && top) top.index++;
    else if (token === ':' && top?.seen) {
      const key: unknown = JSON.parse(last);
      top.key = String(key);
      if (top.seen.has(top.key)) found.push(below(top));
      top.seen.add(top.key);
    }
    last = token;
  }
  return found;
}

function below(frame: { path: string; seen?: Set<string>; key: string; index: number } | undefined): string {
  if (!frame) return '';
  if (!frame.seen) return `${frame.path}[${frame.index}]`;
  return frame.path === '' ? frame.key : `${frame.path}.${frame.key}`;
}
