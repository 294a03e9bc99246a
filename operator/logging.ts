/** The process's own log: one line per message, for people on a terminal and as JSON for machines, never with a secret. */
import { createRequire } from 'node:module';
import type { Writable } from 'node:stream';
import type { Logger as WinstonLogger } from 'winston';
import { describeError, type Logger } from './logger.ts';
import type { Redactor } from './redactor.ts';
import type { LogFormat, LogLevel } from './settings.ts';

export type LoggingOptions = {
  level: LogLevel;
  /** auto: text when the stream is a terminal, else JSON. */
  format: LogFormat;
  redactor: Redactor;
  /** Default: standard error. */
  stream?: Writable & { isTTY?: boolean };
  /** Milliseconds since 1970. */
  now?: () => number;
};

const LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];

/** Makes the logger. Every line passes the redactor; secrets that are added to it later count from then on. */
export function createLogger(options: LoggingOptions): Logger {
  const most = LEVELS.indexOf(options.level);
  let sink: WinstonLogger | undefined;
  const write = (level: LogLevel) => (message: string, fields?: Record<string, unknown>) => {
    if (LEVELS.indexOf(level) > most) return;
    sink ??= openSink(options);
    // Fields travel under a name of their own: winston would mix a field called `message` or `level` into the entry.
    sink.log({ level, message, fields });
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

function openSink({ level, format, redactor, stream = process.stderr, now = Date.now }: LoggingOptions): WinstonLogger {
  // Loaded with the first line: a start that has nothing to say need not wait for it.
  const winston: typeof import('winston') = createRequire(import.meta.url)('winston');
  const asText = format === 'text' || (format === 'auto' && stream.isTTY === true);
  return winston.createLogger({
    level,
    format: winston.format.printf(({ level, message, fields }) => {
      const entry = { time: new Date(now()).toISOString(), level, message: String(message) };
      return redactor.redact(asText ? textLine(entry, fields) : jsonLine(entry, fields));
    }),
    transports: [new winston.transports.Stream({ stream })],
  });
}

type Entry = { time: string; level: string; message: string };

function textLine({ time, level, message }: Entry, fields: unknown): string {
  const details = Object.entries(plain(fields)).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const line = [time.slice(11, 23), level.padEnd(5), message, ...details].join(' ');
  // A message must not be able to fake another line or to speak to the terminal.
  return line.replace(/\p{Cc}/gu, (char) => (char === '\n' ? '\\n' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`));
}

function jsonLine(entry: Entry, fields: unknown): string {
  // Twice: at the front for the reader, and last so that no field takes its place.
  return JSON.stringify({ ...entry, ...plain(fields), ...entry });
}

/** The fields as JSON can say them: errors by their messages, secrets hidden, cycles named. */
function plain(fields: unknown): Record<string, unknown> {
  if (typeof fields !== 'object' || fields === null) return {};
  const above: unknown[] = [];
  const text = JSON.stringify(fields, function (this: unknown, _name, value: unknown) {
    while (above.length > 0 && above.at(-1) !== this) above.pop();
    if (value instanceof Error) return describeError(value);
    if (typeof value === 'bigint') return value.toString();
    if (typeof value !== 'object' || value === null) return value;
    if (above.includes(value)) return '[circular]';
    above.push(value);
    return value;
  });
  return Object.fromEntries(Object.entries(JSON.parse(text)));
}
