/** A text of an event, which may be too large for the event itself and is then fetched when it is looked at. */
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { send } from '../api/http.ts';
import { explain } from '../api/problem.ts';
import { Button } from '../design/button.tsx';
import { Skeleton } from '../design/state.tsx';
import type { TextOrBlob } from '../timeline/model.ts';
import { useSession } from './session-context.ts';
import { sessionPath } from './session-view.ts';
import styles from './text.module.css';

/** Bytes that are shown until more is asked for. */
const BOUND = 200 * 1024;

/** Fetches the text when it is elsewhere, and shows what `children` make of it. */
/** @param bound bytes that are fetched until more is asked for */
export function StoredText({
  value,
  bound = BOUND,
  children,
}: {
  value: TextOrBlob;
  bound?: number;
  children: (text: string) => ReactNode;
}) {
  if (typeof value === 'string') return children(value);
  return (
    <FetchedText name={value.blob} bytes={value.bytes} bound={bound}>
      {children}
    </FetchedText>
  );
}

type Fetched = { name: string; bytes: number; bound: number; children: (text: string) => ReactNode };

function FetchedText({ name, bytes, bound, children }: Fetched) {
  const { id } = useSession();
  const [all, setAll] = useState(false);
  const query = useQuery({
    queryKey: ['session', id, 'blob', name, all ? 'all' : bound],
    queryFn: ({ signal }) => fetchText(sessionPath(id, `blobs/${name}`), all ? Number.POSITIVE_INFINITY : bound, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (query.isPending) return <Skeleton height="3rem" />;
  if (query.isError) {
    return (
      <p className={styles.failed}>
        {explain(query.error)}{' '}
        <Button size="small" onClick={() => void query.refetch()}>
          Try again
        </Button>
      </p>
    );
  }
  return (
    <>
      {children(query.data.text)}
      {query.data.whole ? null : (
        <p className={styles.more}>
          The first {size(bound)} of {size(bytes)}.{' '}
          <Button size="small" busy={query.isFetching} onClick={() => setAll(true)}>
            Show all
          </Button>
        </p>
      )}
    </>
  );
}

/** The text at an address, or as much of it as `bound` bytes hold. */
async function fetchText(path: string, bound: number, signal: AbortSignal): Promise<{ text: string; whole: boolean }> {
  const response = await send(path, { signal, headers: { Accept: 'text/plain, */*' }, timeout: 60_000 });
  const reader = response.body?.getReader();
  if (!reader) return { text: await response.text(), whole: true };
  const decoder = new TextDecoder();
  let text = '';
  let read = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { text: text + decoder.decode(), whole: true };
    const part = value.subarray(0, bound - read);
    read += part.length;
    text += decoder.decode(part, { stream: true });
    if (read >= bound) {
      await reader.cancel();
      return { text, whole: false };
    }
  }
}

/** `812 bytes`, `34 KB`, `1.2 MB`. */
export function size(bytes: number): string {
  if (bytes < 1_024) return `${bytes} bytes`;
  if (bytes < 1_024 * 1_024) return `${Math.round(bytes / 1_024)} KB`;
  return `${(bytes / 1_024 / 1_024).toFixed(1)} MB`;
}
