/** The last guard of known secrets: finds them in text that is about to leave the process, also encoded, and takes them out. */
import { redact as redactKeys } from './llm/redact.ts';
import type { SecretText } from './secret-text.ts';

const HIDDEN = '***';
/** Shorter values are parts of ordinary words. */
const SHORTEST = 6;

export class Redactor {
  readonly #forms = new Set<string>();

  constructor(secrets: Iterable<SecretText> = []) {
    for (const secret of secrets) this.add(secret.reveal());
  }

  /** From now on the value is taken out, as it is, escaped for JSON, for a URL, and in Base64 at any offset. */
  add(value: string): void {
    if (value.length < SHORTEST) return;
    for (const form of [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), ...base64Forms(value)])
      this.#forms.add(form);
  }

  /** The text without known secrets and without what looks like a provider's key. */
  redact(text: string): string {
    let out = text;
    for (const form of this.#forms) out = out.replaceAll(form, HIDDEN);
    return redactKeys(out);
  }
}

/** What any Base64 text with the value in it must contain: its encodings at the three offsets, without the bits shared with neighbours. */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
  });
}
