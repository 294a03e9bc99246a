/** Streams and the connection, for components. */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { type ConnectionState, connection } from './connection.ts';
import { type EventStreamOptions, followStream, type StreamState } from './event-stream.ts';
import { meQuery } from './me.ts';

/**
 * Follows the stream at `options.url` while the component is there; null follows none. Another url is another stream.
 * `onMessages` is called with all messages that came in one piece, outside of rendering.
 */
export function useEventStream(options: EventStreamOptions | null): StreamState {
  const client = useQueryClient();
  const latest = useRef(options);
  const [state, setState] = useState<StreamState>('connecting');
  useEffect(() => {
    latest.current = options;
  });
  const url = options?.url;
  useEffect(() => {
    if (url === undefined) return;
    setState('connecting');
    const lastEventId = latest.current?.lastEventId;
    return followStream({
      url,
      ...(lastEventId !== undefined && { lastEventId }),
      onMessages: (messages) => latest.current?.onMessages(messages),
      onRefused: (problem) => {
        // The layout shows the login page then.
        if (problem.status === 401) client.invalidateQueries({ queryKey: meQuery.queryKey }).catch(() => {});
        latest.current?.onRefused?.(problem);
      },
      onState: (next) => {
        setState(next);
        latest.current?.onState?.(next);
      },
    });
  }, [url, client]);
  return state;
}

export function useConnection(): ConnectionState {
  return useSyncExternalStore(connection.subscribe, connection.state);
}
