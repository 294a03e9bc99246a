import { describe, expect, it } from '@jest/globals';
import { append, EMPTY } from './fold.ts';
import { CATEGORIES } from './kinds.ts';
import { longLog } from './long-log.ts';
import { entryOf, Rows, type View } from './rows.ts';

const ALL: View = { shown: new Set(CATEGORIES), problems: false, quiet: true, search: '', closed: new Set() };
const timeline = append(EMPTY, longLog(2_000));
const entries = timeline.groups.flatMap((group) => group.entries);

describe('Rows', () => {
  it('has a header for every section and step, and every entry in order', () => {
    const rows = new Rows().of(timeline, ALL);
    expect(rows.filter((row) => row.kind === 'section')).toHaveLength(timeline.sections.length);
    expect(rows.filter((row) => row.kind === 'step')).toHaveLength(timeline.groups.filter(({ step }) => step).length);
    expect(rows.flatMap((row) => (row.kind === 'entry' ? [row.entry] : []))).toEqual(entries);
    expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length);
  });

  it('gives the same rows again for what did not change', () => {
    const rows = new Rows();
    const before = rows.of(timeline, ALL);
    const after = rows.of(append(timeline, longLog(2_001)), ALL);
    const same = before.filter((row, index) => row === after[index]).length;
    expect(same).toBeGreaterThan(before.length - 200);
    expect(
      rows
        .of(timeline, ALL)
        .slice(0, 100)
        .every((row, index) => row === before[index]),
    ).toBe(true);
  });

  it('leaves out what is below a closed section or step', () => {
    const [, , programming] = timeline.sections;
    const first = timeline.groups.find(({ step }) => step !== undefined);
    const rows = new Rows();
    const closedStep = rows.of(timeline, { ...ALL, closed: new Set([`g${first?.id}`]) });
    expect(closedStep.find((row) => row.kind === 'step' && row.group === first)).toMatchObject({
      open: false,
      hidden: first?.entries.length,
    });
    const closedSection = rows.of(timeline, { ...ALL, closed: new Set([`s${programming?.id}`]) });
    const at = closedSection.findIndex((row) => row.kind === 'section' && row.section === programming);
    expect(closedSection[at + 1]?.kind).toBe('section');
  });

  it('shows only what is asked for, and no header with nothing below it', () => {
    const commands = new Rows().of(timeline, { ...ALL, shown: new Set(['commands'] as const) });
    const shown = commands.flatMap((row) => (row.kind === 'entry' ? [row.entry] : []));
    expect(shown).toEqual(entries.filter((entry) => entry.kind === 'call' && entry.family === 'command'));
    expect(commands[0]).toMatchObject({ kind: 'section', section: { kind: 'programming' } });
  });

  it('shows what went wrong alone', () => {
    const rows = new Rows().of(timeline, { ...ALL, problems: true });
    const shown = rows.flatMap((row) => (row.kind === 'entry' ? [row.entry] : []));
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.every((entry) => entry.kind === 'review' || (entry.kind === 'call' && entry.exitCode === 1))).toBe(true);
  });

  it('finds texts, whatever their case', () => {
    const rows = new Rows().of(timeline, { ...ALL, search: 'case 6"' });
    expect(rows.flatMap((row) => (row.kind === 'entry' && row.entry.kind === 'call' ? [row.entry.summary] : []))[0]).toContain(
      'case 6',
    );
  });

  it('leaves out what is of interest to few unless asked', () => {
    const quiet = (rows: ReturnType<Rows['of']>) =>
      rows.some((row) => row.kind === 'entry' && row.entry.kind === 'line' && row.entry.quiet);
    expect(quiet(new Rows().of(timeline, ALL))).toBe(true);
    expect(quiet(new Rows().of(timeline, { ...ALL, quiet: false }))).toBe(false);
  });
});

describe('entryOf', () => {
  it('finds every entry by the sequence number of its first event', () => {
    expect(entries.every((entry) => entryOf(timeline, entry.id)?.entry === entry)).toBe(true);
  });

  it('finds for an event in between the entry before it', () => {
    const command = entries.find((entry) => entry.kind === 'call' && entry.family === 'command');
    expect(entryOf(timeline, command?.last ?? 0)?.entry).toBe(command);
  });

  it('finds nothing in a log without entries', () => {
    expect(entryOf(EMPTY, 7)).toBeUndefined();
  });
});
