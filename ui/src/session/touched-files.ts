/** Files that the session wrote so far, from the calls that wrote them. */
import { editsOf, type FileEdit } from '../timeline/edits.ts';
import type { Group, Timeline } from '../timeline/model.ts';

export type TouchedFile = {
  path: string;
  /** Oldest first; `seq` is the call that made it. One that is too large for the log itself is not here. */
  edits: { seq: number; edit: FileEdit | undefined }[];
  additions: number;
  deletions: number;
};

type Found = readonly { path: string; seq: number; edit: FileEdit | undefined }[];

/** Looks only into groups that it has not seen before. */
export class TouchedFiles {
  readonly #seen = new WeakMap<Group, Found>();

  of(timeline: Timeline): TouchedFile[] {
    const files = new Map<string, TouchedFile>();
    for (const group of timeline.groups) {
      for (const { path, seq, edit } of this.#of(group)) {
        const file = files.get(path) ?? { path, edits: [], additions: 0, deletions: 0 };
        file.edits.push({ seq, edit });
        file.additions += edit?.additions ?? 0;
        file.deletions += edit?.deletions ?? 0;
        files.set(path, file);
      }
    }
    return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  #of(group: Group): Found {
    const known = this.#seen.get(group);
    if (known) return known;
    const found = group.entries.flatMap((entry): Found => {
      if (entry.kind !== 'call' || entry.family !== 'edit' || entry.outcome !== 'ok') return [];
      const edits = editsOf(entry, entry.args);
      if (edits.length > 0) return edits.map((edit) => ({ path: edit.path, seq: entry.id, edit }));
      return entry.wrote.map((path) => ({ path, seq: entry.id, edit: undefined }));
    });
    this.#seen.set(group, found);
    return found;
  }
}
