/** The address cannot be listened at; the message names it and says what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}
