/**
 * A timeline while events are put into it: what is touched is copied once, everything else stays the object that it was.
 */
import type { Entry, Group, Place, PlanRevision, Section, SectionKind, Spent, Threads, Timeline } from './model.ts';
import { NOTHING_SPENT, plus } from './spent.ts';

type Open<T> = { -readonly [K in keyof T]: T[K] };
type OpenGroup = Omit<Open<Group>, 'entries'> & { entries: Entry[] };

export class Draft {
  /** Everything but sections and groups, which are reached through the methods below. */
  readonly at: Open<Omit<Timeline, 'sections' | 'groups' | 'threads'>> & { threads: Open<Threads> };
  readonly #sections: Section[];
  readonly #groups: Group[];
  /** Groups and sections that are copies of ours already. */
  readonly #ownGroups = new Map<number, OpenGroup>();
  readonly #ownSections = new Map<number, Open<Section>>();
  /** The event that is being put in. */
  seq = 0;
  time = '';

  constructor(timeline: Timeline) {
    const { sections, groups, threads, ...rest } = timeline;
    this.at = { ...rest, threads: { ...threads } };
    this.#sections = [...sections];
    this.#groups = [...groups];
  }

  /** Says which event is put in next. */
  begin({ seq, time }: { seq: number; time: string }): void {
    this.seq = seq;
    this.time = time;
    this.at.lastSeq = seq;
    this.at.lastTime = time;
  }

  done(): Timeline {
    return { ...this.at, sections: this.#sections, groups: this.#groups };
  }

  get section(): Section | undefined {
    return this.#sections.at(-1);
  }

  get group(): Group | undefined {
    return this.#groups.at(-1);
  }

  get groupCount(): number {
    return this.#groups.length;
  }

  /** Begins a section, with a group that belongs to no step. */
  beginSection(kind: SectionKind, reason: string, message: string): void {
    this.#sections.push({
      id: this.seq,
      kind,
      iteration: this.at.iteration,
      reason,
      message,
      profile: undefined,
      model: undefined,
      startedAt: this.time,
      lastTime: this.time,
      firstGroup: this.#groups.length,
      spent: NOTHING_SPENT,
      problems: 0,
    });
    this.beginGroup(undefined);
  }

  /** Begins a group in the section that is open. A group that nothing is in yet is taken instead of a second one. */
  beginGroup(step: Group['step']): void {
    const section = this.#sections.length - 1;
    const last = this.#groups.at(-1);
    if (last && last.section === section && last.entries.length === 0) {
      this.#ownGroup(this.#groups.length - 1).step = step;
      return;
    }
    this.#groups.push({
      id: this.seq,
      section,
      step,
      entries: [],
      startedAt: this.time,
      lastTime: this.time,
      spent: NOTHING_SPENT,
    });
  }

  changeSection(change: Partial<Section>): void {
    const index = this.#sections.length - 1;
    if (index >= 0) Object.assign(this.#ownSection(index), change);
  }

  /** Adds an entry at the end. Where no section is open, as in a log that is read from its middle, one is begun. */
  add(entry: Entry): Place {
    if (this.#sections.length === 0) this.beginSection('setup', '', '');
    const index = this.#groups.length - 1;
    const group = this.#ownGroup(index);
    group.entries.push(entry);
    this.#touch(index);
    return { group: index, entry: group.entries.length - 1 };
  }

  entry(place: Place | undefined): Entry | undefined {
    return place && this.#groups[place.group]?.entries[place.entry];
  }

  /** Puts an entry in the place of an earlier state of it. */
  replace(place: Place, entry: Entry): void {
    this.#ownGroup(place.group).entries[place.entry] = entry;
    this.#touch(place.group);
  }

  /** What a model used, on the group and the section that are open. */
  spend(spent: Spent): void {
    const index = this.#groups.length - 1;
    if (index < 0) return;
    const group = this.#ownGroup(index);
    group.spent = plus(group.spent, spent);
    const section = this.#ownSection(this.#sections.length - 1);
    section.spent = plus(section.spent, spent);
  }

  /** Something in the section of this place went wrong. */
  problem(place: Place): void {
    const section = this.#groups[place.group]?.section;
    if (section !== undefined) this.#ownSection(section).problems += 1;
  }

  changePlan(revision: number, change: Partial<PlanRevision>): void {
    this.at.plans = this.at.plans.map((plan) => (plan.revision === revision ? { ...plan, ...change } : plan));
  }

  #touch(index: number): void {
    const group = this.#ownGroup(index);
    group.lastTime = this.time;
    this.#ownSection(group.section).lastTime = this.time;
  }

  #ownGroup(index: number): OpenGroup {
    const known = this.#ownGroups.get(index);
    if (known) return known;
    const group = this.#groups[index];
    if (!group) throw new RangeError(`there is no group ${index}`);
    const own = { ...group, entries: [...group.entries] };
    this.#groups[index] = own;
    this.#ownGroups.set(index, own);
    return own;
  }

  #ownSection(index: number): Open<Section> {
    const known = this.#ownSections.get(index);
    if (known) return known;
    const section = this.#sections[index];
    if (!section) throw new RangeError(`there is no section ${index}`);
    const own = { ...section };
    this.#sections[index] = own;
    this.#ownSections.set(index, own);
    return own;
  }
}
