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
  const found = /at position (\d+)/.exec(message);
  const cutOff = /Unexpected end|Unterminated/.test(message);
  if (cutOff) {
    return `they end in the middle (after ${JSON.stringify(text.slice(-60))}). They were probably cut off by the length limit: make the call smaller, for a large file in several calls`;
  }
  const at = found ? Number(found[1]) : 0;
  const reason = message.replace(/,? (in JSON )?(at position .*|"[\s\S]*" is not valid JSON)$/, '').replace(/\s+in JSON$/, '');
  return `${reason} at character ${at + 1}, here: ${JSON.stringify(text.slice(Math.max(0, at - 40), at))} >>> ${JSON.stringify(text.slice(at, at + 40))}`;
}
