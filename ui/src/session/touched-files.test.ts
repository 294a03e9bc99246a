import { describe, expect, it } from '@jest/globals';
import { append, EMPTY } from '../timeline/fold.ts';
import { longLog } from '../timeline/long-log.ts';
import { TouchedFiles } from './touched-files.ts';

describe('TouchedFiles', () => {
  it('gathers the edits of each file, oldest first, and only those that were made', () => {
    const events = longLog(2_000).map((event) =>
      event.type === 'tool.finished' && event.callId === 'call-1-1-2' ? { ...event, outcome: 'error' as const } : event,
    );
    const files = new TouchedFiles().of(append(EMPTY, events));
    const first = files.find(({ path }) => path === 'src/part-1/file-1.ts');
    expect(first?.edits.length).toBeGreaterThan(1);
    expect(first?.edits.map(({ seq }) => seq)).toEqual(first?.edits.map(({ seq }) => seq).toSorted((a, b) => a - b));
    expect(first).toMatchObject({ additions: 2 * (first?.edits.length ?? 0), deletions: first?.edits.length });
    const elsewhere = events.map((event) =>
      event.type === 'model.answered' && event.calls[0]?.id === 'call-1-1-1'
        ? { ...event, calls: [{ id: 'call-1-1-1', name: 'edit_file', arguments: { blob: 'sha256-0', bytes: 99_999 } }] }
        : event.type === 'tool.finished' && event.callId === 'call-1-1-1'
          ? { ...event, wrote: ['src/part-1/file-1.ts'] }
          : event,
    );
    const [large] =
      new TouchedFiles().of(append(EMPTY, elsewhere)).find(({ path }) => path === 'src/part-1/file-1.ts')?.edits ?? [];
    expect(large).toMatchObject({ edit: undefined });
    const refused = files.find(({ path }) => path === 'src/part-1/file-2.ts');
    expect(refused?.edits).toHaveLength((first?.edits.length ?? 0) - 1);
    expect(files.map(({ path }) => path)).toEqual(files.map(({ path }) => path).toSorted());
  });
});
