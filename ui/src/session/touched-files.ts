/** Files that the session wrote so far, from the calls that wrote them. */
import { editsOf, type FileEdit } from '../timeline/edits.ts';
import type { Group, Timeline } from '../timeline/model.ts';

export type TouchedFile = {
  path: string;
  /** Oldest first; `seq` is the call that made it. */
  edits: { seq: number; edit: FileEdit }[];
  additions: number;
  deletions: number;
};

type Found = readonly { seq: number; edit: FileEdit }[];

/** Looks only into groups that it has not seen before. */
export class TouchedFiles {
  readonly #seen = new WeakMap<Group, Found>();

  of(timeline: Timeline): TouchedFile[] {
    const files = new Map<string, TouchedFile>();
    for (const group of timeline.groups) {
      for (const { seq, edit } of this.#of(group)) {
        const file = files.get(edit.path) ?? { path: edit.path, edits: [], additions: 0, deletions: 0 };
        file.edits.push({ seq, edit });
        file.additions += edit.additions;
        file.deletions += edit.deletions;
        files.set(edit.path, file);
      }
    }
    return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  #of(group: Group): Found {
    const known = this.#seen.get(group);
    if (known) return known;
    const found = group.entries.flatMap((entry) =>
      entry.kind === 'call' && entry.family === 'edit' && entry.outcome === 'ok'
        ? editsOf(entry, entry.args).map((edit) => ({ seq: entry.id, edit }))
        : [],
    );
    this.#seen.set(group, found);
    return found;
  }
}
