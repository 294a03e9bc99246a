/** What a live list tells its reader, whoever's rights it is read with. */
import type { KubeObject } from '../../operator/api/resources.ts';
import { type Change, type ChangesOf, changesOf } from './changes.ts';

/** `token` is where a reader that comes back goes on. */
export type Piece =
  /** What is to be read can be read; nothing is told with it. */
  | { type: 'open' }
  | { type: 'item'; id: string; text: string; token: string }
  | { type: 'deleted'; id: string; token: string }
  | { type: 'synced' | 'reset'; token: string };

/** With what is not complete yet: a reader that has no more than this begins anew. */
export const FROM_THE_BEGINNING = 'list';

/** How a list shows its objects. */
export type Rendering<T> = {
  /** The item as JSON. */
  text: (object: T) => string;
  /** Whether the object is in the list at all; that never changes. */
  shown: (object: T) => boolean;
};

/** What the server says, said at once: for a reader with rights of its own. The tokens are resource versions. */
export async function* directly<T extends KubeObject>(
  of: Omit<ChangesOf, 'after'>,
  token: string | undefined,
  rendering: Rendering<T>,
  signal: AbortSignal,
): AsyncGenerator<Piece, void> {
  const after = token !== undefined && /^\d{1,30}$/.test(token) ? token : undefined;
  if (token !== undefined && after === undefined) yield { type: 'reset', token: FROM_THE_BEGINNING };
  // Nothing may change for long.
  if (after !== undefined) yield { type: 'open' };
  for await (const change of changesOf<T>({ ...of, ...(after !== undefined && { after }) }, signal)) {
    yield* piecesOf(change, rendering);
  }
}

function* piecesOf<T extends KubeObject>(change: Change<T>, { text, shown }: Rendering<T>): Generator<Piece, void> {
  switch (change.type) {
    case 'objects':
      for (const object of change.objects) {
        if (shown(object)) yield { type: 'item', id: object.metadata.name, text: text(object), token: FROM_THE_BEGINNING };
      }
      return;
    case 'synced':
      yield { type: 'synced', token: change.version };
      return;
    case 'reset':
      yield { type: 'reset', token: FROM_THE_BEGINNING };
      return;
    case 'changed':
    case 'deleted': {
      const { object, version } = change;
      if (!shown(object)) return;
      const id = object.metadata.name;
      if (change.type === 'deleted') yield { type: 'deleted', id, token: version };
      else yield { type: 'item', id, text: text(object), token: version };
      return;
    }
    default:
      change satisfies never;
  }
}
