/** Reading the JSON that a model meant. */

export type ReadJson = { value: unknown } | { problem: string };

/**
 * Parses JSON, and when it is none, JSON with what models add or forget mended: a code fence around it, raw line breaks
 * in strings, backslashes before characters that need none, commas before a closing bracket. Nothing is invented: text
 * that ends too early stays an error. `problem` says where it broke.
 */
export function readJson(raw: string): ReadJson {
  const text = withoutFence(raw.trim());
  if (text === '') return { value: {} };
  const strict = parse(text);
  if ('value' in strict) return strict;
  const mended = parse(mend(text));
  if ('value' in mended) return mended;
  return { problem: describe(strict.error, text) };
}

function parse(text: string): { value: unknown } | { error: string } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function withoutFence(text: string): string {
  return /^```[a-zA-Z]*\s*\n(.*?)\n?\s*```$/s.exec(text)?.[1] ?? text;
}

function mend(text: string): string {
  let result = '';
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (!inString) {
      if (character === '"') inString = true;
      if (character === ',' && /^\s*[}\]]/.test(text.slice(at + 1, at + 200))) continue;
      result += character;
      continue;
    }
    if (character === '"') {
      inString = false;
      result += character;
    } else if (character === '\\') {
      const next = text.charAt(at + 1);
      const valid = next === 'u' ? /^[0-9a-fA-F]{4}/.test(text.slice(at + 2, at + 6)) : /["\\/bfnrt]/.test(next);
      if (valid) result += character + next;
      else if (next === "'") result += next;
      else result += `\\\\${next === '\n' ? '\\n' : next}`;
      at++;
    } else if (character < ' ') {
      result += JSON.stringify(character).slice(1, -1);
    } else {
      result += character;
    }
  }
  return result;
}

function describe(message: string, text: string): string {
  if (/Unexpected end|Unterminated/.test(message)) {
    return `they end in the middle (after ${JSON.stringify(text.slice(-60))}). They were probably cut off by the length limit: make the call smaller, a large file in several calls`;
  }
  const at = brokenAt(text);
  return `it breaks at character ${at + 1}, between ${JSON.stringify(text.slice(Math.max(0, at - 40), at))} and ${JSON.stringify(text.slice(at, at + 40))}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings hold no control characters
const STRING = /"(?:[^"\\\u0000-\u001F]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | 'rest';

/** Index of the first character that no JSON text that begins like this can have; JSON.parse does not always tell. */
function brokenAt(text: string): number {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = 0;
  for (;;) {
    while (/\s/.test(text.charAt(at))) at++;
    const character = text.charAt(at);
    const token = (pattern: RegExp): number => {
      pattern.lastIndex = at;
      return pattern.exec(text)?.[0].length ?? 0;
    };
    let length = 1;
    if (expected === ':') {
      if (character !== ':') return at;
      expected = 'value';
    } else if ((character === '}' && expected === 'key or }') || (character === ']' && expected === 'value or ]')) {
      open.pop();
      expected = 'rest';
    } else if (expected === 'key' || expected === 'key or }') {
      length = token(STRING);
      expected = ':';
    } else if (expected === 'rest') {
      const inside = open.at(-1);
      if (inside === undefined) return at;
      if (character === ',') expected = inside === '{' ? 'key' : 'value';
      else if (character === (inside === '{' ? '}' : ']')) open.pop();
      else return at;
    } else if (character === '{' || character === '[') {
      open.push(character);
      expected = character === '{' ? 'key or }' : 'value or ]';
    } else {
      length = token(STRING) || token(SCALAR);
      expected = 'rest';
    }
    if (length === 0 || at >= text.length) return at;
    at += length;
  }
}
