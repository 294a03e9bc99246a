import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { createLogger, type LoggingOptions } from './logging.ts';
import { Redactor } from './redactor.ts';
import { SecretText } from './secret-text.ts';

/** A logger and the lines that it wrote. */
function logging(options: Partial<LoggingOptions> & { isTTY?: boolean } = {}) {
  let written = '';
  const stream: Writable & { isTTY?: boolean } = new Writable({
    write(chunk, _encoding, done) {
      written += chunk;
      done();
    },
  });
  stream.isTTY = options.isTTY ?? false;
  const now = () => Date.parse('2030-01-02T03:04:05.678Z');
  const logger = createLogger({ level: 'info', format: 'auto', redactor: new Redactor(), stream, now, ...options });
  return { logger, lines: () => written.split('\n').slice(0, -1) };
}

describe('The log', () => {
  it('is one readable line per message on a terminal', () => {
    const { logger, lines } = logging({ isTTY: true });
    logger.info('session started', { session: 'abc', step: 3 });
    logger.warn('two\nlines and \u001b[31mcolour \u009b');
    expect(lines()).toEqual([
      '03:04:05.678 info  session started session=abc step=3',
      '03:04:05.678 warn  two\\nlines and \\u001b[31mcolour \\u009b',
    ]);
  });

  it('is one JSON object per message elsewhere', () => {
    const { logger, lines } = logging();
    logger.error('failed', {
      session: 'abc',
      message: 'not this one',
      level: 'nor this',
      error: new Error('outer', { cause: new Error('inner') }),
    });
    expect(lines().map((line) => JSON.parse(line))).toEqual([
      { time: '2030-01-02T03:04:05.678Z', level: 'error', message: 'failed', session: 'abc', error: 'outer: inner' },
    ]);
  });

  it('is in the format that is asked for, whatever the stream', () => {
    const text = logging({ format: 'text' });
    text.logger.info('hello');
    expect(text.lines()).toEqual(['03:04:05.678 info  hello']);
    const json = logging({ format: 'json', isTTY: true });
    json.logger.info('hello');
    expect(JSON.parse(json.lines()[0] ?? '')).toMatchObject({ message: 'hello' });
  });

  it('leaves out what is below its level', () => {
    const { logger, lines } = logging({ level: 'warn', format: 'text' });
    for (const level of ['debug', 'info', 'warn', 'error'] as const) logger[level](level);
    expect(lines()).toEqual(['03:04:05.678 warn  warn', '03:04:05.678 error error']);
  });

  it('writes what JSON cannot say', () => {
    const { logger, lines } = logging();
    const cycle: Record<string, unknown> = { name: 'a' };
    cycle.self = { cycle };
    const shared = { n: 1 };
    logger.info('odd', { cycle, big: 12n, twice: [shared, shared], nothing: undefined, secret: new SecretText('hidden') });
    expect(JSON.parse(lines()[0] ?? '')).toMatchObject({
      cycle: { name: 'a', self: { cycle: '[circular]' } },
      big: '12',
      twice: [{ n: 1 }, { n: 1 }],
      secret: '***',
    });
  });

  it.each(['text', 'json'] as const)('has no secret in it as %s, however it is encoded', (format) => {
    const secret = 'p"ä/ss+word=1234';
    const redactor = new Redactor([new SecretText(secret)]);
    const { logger, lines } = logging({ format, redactor });
    logger.info(`as it is ${secret} end`);
    logger.info('in a field', { deep: { token: secret } });
    logger.info(`in a URL https://x:${encodeURIComponent(secret)}@host`);
    for (const before of ['', 'u:', 'user:', 'name:'])
      logger.info(`basic ${Buffer.from(`${before}${secret}`).toString('base64')}`);
    logger.info('by its looks sk-proj-abcdefghijklmnop');
    redactor.add('learned-later');
    logger.info('then learned-later');
    const text = lines().join('\n');
    expect(lines()).toHaveLength(9);
    for (const form of [secret, 'word', '1234', 'abcdefgh', 'learned']) expect(text).not.toContain(form);
    expect(text).not.toContain(Buffer.from(secret).toString('base64').slice(3, 12));
    expect(text).toContain('as it is *** end');
  });

  it('is not torn apart by secrets that are too short to tell from words', () => {
    const { logger, lines } = logging({ format: 'text', redactor: new Redactor([new SecretText('a')]) });
    logger.info('a banana');
    expect(lines()).toEqual(['03:04:05.678 info  a banana']);
  });
});
