/**
 * Commands in a container, over a websocket to the API server (subprotocols v5.channel.k8s.io and v4.channel.k8s.io):
 * https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.35/#create-connect-exec-pod-v1-core
 *
 * An exec settles exactly once, by the first of: a status from the server, the end of the connection, an error, its
 * deadline, the caller, or the fate of the Pod. Without a status nothing is known of the command: it may be running still,
 * it may have done everything, and it is never taken for a success.
 */
import type { Readable } from 'node:stream';
import { ExecConnection } from './exec-connection.ts';
import { dial } from './exec-dial.ts';
import type { ExecOutcome } from './exec-outcome.ts';
import type { KubeEndpoint } from './http-transport.ts';

export type ExecRequest = {
  namespace: string;
  pod: string;
  container: string;
  /** Program and arguments. They become part of the URL and of the audit log: keep them short, and secrets out of them. */
  command: readonly string[];
  /** Whether something will be written to it; false when left out. */
  stdin?: boolean;
};

export type ExecTimes = {
  /** From the first byte sent to the accepted websocket, in milliseconds; default 15,000. */
  connectMs: number;
  /** Between two pings, in milliseconds; default 10,000. A proxy that drops idle connections sees traffic this often. */
  pingMs: number;
  /** How long the server may say nothing at all, pongs included, in milliseconds; default 30,000. */
  silenceMs: number;
};

export type ExecOptions = Partial<ExecTimes> & {
  signal?: AbortSignal;
  /** From the accepted websocket to the status, in milliseconds; none when left out. */
  deadlineMs?: number;
  /** Tells when the container that the command runs in is no more, whether or not the connection noticed. */
  fate?: ContainerFate;
};

/** Calls the listener once, at once or later, with what became of the container, until it is disposed of. */
export type ContainerFate = (gone: (message: string) => void) => Disposable;

export interface ExecSession {
  /** v4 cannot close stdin without closing the connection. */
  readonly protocol: 'v5' | 'v4';
  /** Bytes in the order written. While one of the two is not read, nothing more is taken from the connection. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Never rejects. stdout and stderr have ended by then, though they may not have been read. */
  readonly outcome: Promise<ExecOutcome>;
  /** Resolves when the bytes were handed to the network and there is room for more. @throws ExecEndedError */
  write(bytes: Uint8Array): Promise<void>;
  /** Lets the command see the end of its stdin. @throws ExecEndedError | UnsupportedError with v4 */
  endStdin(): Promise<void>;
  /** Ends the connection. The command may go on, without anything that reads its output. */
  close(): void;
}

/**
 * Starts a command.
 * @throws KubeError when the server refuses (no such Pod, no right), KubeUnreachableError when there is no answer, the
 *   signal's reason
 */
export async function startExec(endpoint: KubeEndpoint, request: ExecRequest, options: ExecOptions = {}): Promise<ExecSession> {
  const times = {
    connectMs: options.connectMs ?? 15_000,
    pingMs: options.pingMs ?? 10_000,
    silenceMs: options.silenceMs ?? 30_000,
  };
  const socket = await dial(endpoint, request, times.connectMs, options.signal);
  return new ExecConnection(socket, { ...options, ...times, signals: [endpoint.signal, options.signal] });
}
