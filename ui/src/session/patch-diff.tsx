/** One file of a patch, line by line. */
import { useMemo } from 'react';
import { Decoration, Diff, type FileData, Hunk, parseDiff } from 'react-diff-view';
import 'react-diff-view/style/index.css';
import './patch-diff.css';
import type { PatchFile } from '../timeline/patch-files.ts';
import { shortened, visible, visibleLine } from '../timeline/visible-text.ts';

export default function PatchDiff({ file, look }: { file: PatchFile; look: 'split' | 'unified' }) {
  const parsed = useMemo(() => readable(file.text), [file.text]);
  if (!parsed) return <p>This part of the patch cannot be shown; download it to read it.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <div className="patch-scroll" tabIndex={0} role="log" aria-live="off" aria-label={`Changes in ${visibleLine(file.path)}`}>
      <Diff viewType={look} diffType={parsed.type} hunks={parsed.hunks}>
        {(hunks) =>
          hunks.flatMap((hunk) => [
            <Decoration key={`d${hunk.oldStart} ${hunk.newStart}`}>{visibleLine(hunk.content)}</Decoration>,
            <Hunk key={`h${hunk.oldStart} ${hunk.newStart}`} hunk={hunk} />,
          ])
        }
      </Diff>
    </div>
  );
}

function readable(text: string): FileData | undefined {
  const [file] = parseDiff(text);
  if (!file) return undefined;
  const hunks = file.hunks.map((hunk) => ({
    ...hunk,
    changes: hunk.changes.map((change) => ({ ...change, content: visible(shortened(change.content.replaceAll('\n', ''))) })),
  }));
  return { ...file, hunks };
}
