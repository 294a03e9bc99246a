/**
 * Kubernetes Events (events.k8s.io/v1): the lines a person sees at the end of `kubectl describe`. Said again, a line
 * becomes a count instead of another line; an object that says too much is cut off for a while. Recording never fails
 * and never waits: what cannot be written is logged and forgotten.
 */
import { randomUUID } from 'node:crypto';
import { cut } from '../api/conditions.ts';
import { type KubeObject, RESOURCES } from '../api/resources.ts';
import { type Clock, systemClock } from '../clock.ts';
import { describeError, type Logger } from '../logger.ts';
import { type KubeClient, KubeError } from './client.ts';

export type EventNote = {
  type: 'Normal' | 'Warning';
  /** A stable word in CamelCase: why. */
  reason: string;
  /** A stable word in CamelCase: what was done. */
  action: string;
  /** A sentence for people, cut to 1024 characters. */
  note: string;
};

export type EventRecorderOptions = {
  client: KubeClient;
  /** Who reports, for instance sweagent.dev/operator. */
  controller: string;
  /** Which of several replicas reports. */
  instance: string;
  logger: Logger;
  clock?: Clock;
  /** Lines that one object may say at once, and after how many milliseconds it may say one more. Default: 25, 20 s. */
  burst?: number;
  refillMs?: number;
  /** A repeated line is written at most this often, in milliseconds. Default: 10 s. */
  repeatIntervalMs?: number;
};

type EventObject = KubeObject & {
  eventTime: string;
  reportingController: string;
  reportingInstance: string;
  action: string;
  reason: string;
  regarding: { apiVersion: string; kind: string; namespace?: string; name: string; uid?: string; resourceVersion?: string };
  note: string;
  type: 'Normal' | 'Warning';
  series?: { count: number; lastObservedTime: string };
};

type Line = { event: EventObject; count: number; lastSeen: number; lastWritten: number; cancelWrite: (() => void) | undefined };

/** A line said again after this many milliseconds is a new one. */
const SERIES_ENDS_MS = 6 * 60_000;
const MAX_NOTE = 1024;
/** Writes that may wait for a slow server before new ones are dropped. */
const MAX_BACKLOG = 2_000;
/** Writes at the same time. What is said of one object is written in its order. */
const LANES = 4;

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #lines = new Map<string, Line>();
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  readonly #lanes: Promise<void>[] = Array.from({ length: LANES }, () => Promise.resolve());
  #backlog = 0;
  /** Time of the last event in microseconds since 1970, so that what was said first is shown first. */
  #lastMicros = 0;
  #stopped = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Says something about an object. Returns at once. */
  record(object: KubeObject, note: EventNote): void {
    if (this.#stopped) return;
    const now = this.#clock.now();
    this.#forgetOld(now);
    const subject = object.metadata.uid ?? `${object.kind}/${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    const id = JSON.stringify([subject, note.type, note.reason, note.action, note.note]);
    const known = this.#lines.get(id);
    if (known) {
      known.count++;
      known.lastSeen = now;
      const due = known.lastWritten + (this.#options.repeatIntervalMs ?? 10_000);
      known.cancelWrite ??= this.#clock.after(Math.max(0, due - now), () => this.#writeSeries(known));
      return;
    }
    if (!this.#take(subject, now)) {
      this.#options.logger.debug(`too many events about ${object.kind} ${object.metadata.name}, not written: ${note.reason}`);
      return;
    }
    const line: Line = {
      event: this.#eventOf(object, note, now),
      count: 1,
      lastSeen: now,
      lastWritten: now,
      cancelWrite: undefined,
    };
    this.#lines.set(id, line);
    this.#enqueue(line.event, () => this.#options.client.create(RESOURCES.events, line.event));
  }

  /** Writes what is still to be written and takes nothing more. Ends early when the signal aborts. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopped = true;
    for (const line of this.#lines.values()) if (line.cancelWrite) this.#writeSeries(line);
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const onAbort = () => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    await Promise.race([Promise.all(this.#lanes), promise]);
    signal.removeEventListener('abort', onAbort);
  }

  #writeSeries(line: Line): void {
    line.cancelWrite?.();
    line.cancelWrite = undefined;
    line.lastWritten = this.#clock.now();
    const series = { count: line.count, lastObservedTime: microTime(line.lastSeen * 1000) };
    const { event } = line;
    this.#enqueue(event, async () => {
      try {
        await this.#options.client.mergePatch(RESOURCES.events, event.metadata.namespace, event.metadata.name, { series });
      } catch (error) {
        if (!(error instanceof KubeError && error.code === 404)) throw error;
        // Events expire: say it anew.
        await this.#options.client.create(RESOURCES.events, { ...event, series });
      }
    });
  }

  #enqueue(event: EventObject, write: () => Promise<unknown>): void {
    const { kind, name, namespace, uid } = event.regarding;
    const what = `event ${event.reason} about ${kind} ${name}`;
    const fields = { namespace, uid, ...(kind === 'AgentSession' && { session: name }) };
    if (this.#backlog >= MAX_BACKLOG) {
      this.#options.logger.warn(`${what} was dropped: ${MAX_BACKLOG} others wait to be written`, fields);
      return;
    }
    this.#backlog++;
    const lane = laneOf(event.regarding.uid ?? event.regarding.name);
    this.#lanes[lane] = (this.#lanes[lane] ?? Promise.resolve())
      .then(write)
      .then(
        () => undefined,
        (error: unknown) => {
          this.#options.logger.warn(`${what} could not be written: ${describeError(error)}`, fields);
        },
      )
      .finally(() => this.#backlog--);
  }

  #eventOf(object: KubeObject, note: EventNote, now: number): EventObject {
    const { name, uid, resourceVersion } = object.metadata;
    const namespace = object.metadata.namespace ?? 'default';
    const micros = this.#nextMicros(now);
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, 220).replace(/[^a-z0-9]+$/, '')}.${uniqueSuffix(micros)}`, namespace },
      eventTime: microTime(micros),
      reportingController: this.#options.controller,
      reportingInstance: this.#options.instance,
      action: note.action,
      reason: note.reason,
      regarding: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        ...(object.metadata.namespace !== undefined && { namespace: object.metadata.namespace }),
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
      note: cut(note.note, MAX_NOTE),
      type: note.type,
    };
  }

  #nextMicros(now: number): number {
    this.#lastMicros = Math.max(now * 1000, this.#lastMicros + 1);
    return this.#lastMicros;
  }

  #take(subject: string, now: number): boolean {
    const burst = this.#options.burst ?? 25;
    const bucket = this.#buckets.get(subject) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / (this.#options.refillMs ?? 20_000));
    if (tokens < 1) return false;
    this.#buckets.set(subject, { tokens: tokens - 1, at: now });
    return true;
  }

  #forgetOld(now: number): void {
    for (const [id, line] of this.#lines) {
      if (!line.cancelWrite && now - line.lastSeen > SERIES_ENDS_MS) this.#lines.delete(id);
    }
    const full = (this.#options.burst ?? 25) * (this.#options.refillMs ?? 20_000);
    for (const [subject, bucket] of this.#buckets) if (now - bucket.at > full) this.#buckets.delete(subject);
  }
}

function laneOf(subject: string): number {
  let sum = 0;
  for (let at = 0; at < subject.length; at++) sum += subject.charCodeAt(at);
  return sum % LANES;
}

/** Begins with the time: lists come sorted by name, and `kubectl describe` shows events in the order of the list. */
function uniqueSuffix(micros: number): string {
  return `${micros.toString(16).padStart(14, '0')}-${randomUUID().slice(0, 4)}`;
}

/** Microseconds since 1970 as metav1.MicroTime. */
function microTime(micros: number): string {
  const rest = String(micros % 1000).padStart(3, '0');
  return new Date(Math.floor(micros / 1000)).toISOString().replace('Z', `${rest}Z`);
}
