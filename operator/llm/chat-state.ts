/** What a compatible server wants back unchanged with the next request, beside text and calls. */

export type ChatStateItem =
  /** The model's thoughts, under the field name in which they came; servers with thinking models want them back. */
  | { type: 'reasoning'; field: 'reasoning_content' | 'reasoning'; text: string }
  /** Fields of a call that the API does not define (a thought signature, for one). */
  | { type: 'call'; id: string; extra: { extra_content: unknown } };

/** A stored item, if it is one of ours. */
export function asItem(value: unknown): ChatStateItem | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, field, text, id, extra }: Partial<Record<string, unknown>> = { ...value };
  if (type === 'reasoning' && (field === 'reasoning_content' || field === 'reasoning') && typeof text === 'string')
    return { type, field, text };
  if (type === 'call' && typeof id === 'string' && typeof extra === 'object' && extra !== null && 'extra_content' in extra) {
    return { type, id, extra: { extra_content: extra.extra_content } };
  }
  return undefined;
}
