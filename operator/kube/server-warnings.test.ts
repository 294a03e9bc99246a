/** What is told of the warnings of an API server. */
import { describe, expect, it } from '@jest/globals';
import { KeepingLogger } from '../../test/support/keeping-logger.ts';
import { serverWarnings, warningsIn } from './server-warnings.ts';

describe('the warnings of an API server', () => {
  it('are read from their header, however many and whatever is quoted in them', () => {
    expect(warningsIn('299 - "unknown field \\"status.log\\""')).toEqual(['unknown field "status.log"']);
    expect(warningsIn('299 - "one, with a comma", 299 kube "two"')).toEqual(['one, with a comma', 'two']);
    expect(warningsIn('199 - "somebody in between", nonsense')).toEqual([]);
  });

  it('are told once each, and unknown fields with what to do', () => {
    const told: [string, unknown][] = [];
    const logger = new KeepingLogger();
    logger.warn = (message: string, fields?: unknown) => void told.push([message, fields]);
    const hear = serverWarnings(logger);
    for (const warning of [
      '299 - "unknown field \\"status.log\\""',
      undefined,
      '299 - "old", 299 - "unknown field \\"status.log\\""',
    ])
      hear({ warning });
    expect(told).toEqual([
      ['the API server warns', { detail: 'unknown field "status.log"', advice: expect.stringContaining('crds/') }],
      ['the API server warns', { detail: 'old' }],
    ]);
  });
});
