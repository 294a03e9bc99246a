/** What the session changed: the patch of its result, or, until there is one, the edits that it made. */
import { useQuery } from '@tanstack/react-query';
import { ChevronRight, Columns2, FileDown, Rows2 } from 'lucide-react';
import { lazy, Suspense, useMemo, useState } from 'react';
import { send } from '../api/http.ts';
import { loadPart } from '../api/part.ts';
import { Problem } from '../api/problem.ts';
import { Badge } from '../design/badge.tsx';
import { Button } from '../design/button.tsx';
import { classes } from '../design/classes.ts';
import { EmptyState, ErrorState, Skeleton } from '../design/state.tsx';
import { counted } from '../design/time.ts';
import { useMedia } from '../design/use-media.ts';
import type { Timeline } from '../timeline/model.ts';
import { type PatchFile, patchFiles } from '../timeline/patch-files.ts';
import { visibleLine } from '../timeline/visible-text.ts';
import styles from './changes.module.css';
import { Counts, EditDiff } from './edit-diff.tsx';
import { FileTree } from './file-tree.tsx';
import { GoTo } from './go-to.tsx';
import { modeWords, wordsWithoutLines } from './patch-words.ts';
import { useSession } from './session-context.ts';
import { sessionPath } from './session-view.ts';
import { type TouchedFile, TouchedFiles } from './touched-files.ts';
import { useSeen } from './use-seen.ts';

/** Its library is large, and few look at changes first. */
const PatchDiff = lazy(() => loadPart(() => import('./patch-diff.tsx')));

/** Lines of a file above which it is opened on request only. */
const LARGE = 1_500;

export function ChangesTab({ timeline }: { timeline: Timeline }) {
  const { id } = useSession();
  const commit = timeline.published?.commit;
  const query = useQuery({
    queryKey: ['session', id, 'diff', commit ?? ''],
    queryFn: async ({ signal }) => {
      const response = await send(sessionPath(id, 'diff'), { signal, headers: { Accept: 'text/x-diff, */*' }, timeout: 60_000 });
      return patchFiles(await response.text());
    },
    enabled: commit !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (commit === undefined) return <EditsSoFar timeline={timeline} />;
  if (query.isPending) return <Skeleton height="12rem" />;
  if (query.isError) {
    if (query.error instanceof Problem && query.error.status === 404) return <EditsSoFar timeline={timeline} />;
    return <ErrorState title="The patch cannot be read" error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (query.data.length === 0) return <EmptyState title="Nothing was changed">The result is what was cloned.</EmptyState>;
  return <Patch files={query.data} />;
}

function Patch({ files }: { files: readonly PatchFile[] }) {
  const { id } = useSession();
  const wide = useMedia('(min-width: 100rem)');
  const [chosen, setChosen] = useState<'split' | 'unified' | undefined>();
  const look = chosen ?? (wide ? 'split' : 'unified');
  const additions = files.reduce((sum, file) => sum + file.additions, 0);
  const deletions = files.reduce((sum, file) => sum + file.deletions, 0);
  return (
    <div className={styles.changes}>
      <div className={styles.bar}>
        <p>
          {counted(files.length, 'file')} changed <Counts additions={additions} deletions={deletions} />
        </p>
        <span className={styles.tools}>
          <Button
            size="small"
            icon={look === 'split' ? <Rows2 size={14} aria-hidden="true" /> : <Columns2 size={14} aria-hidden="true" />}
            onClick={() => setChosen(look === 'split' ? 'unified' : 'split')}
          >
            {look === 'split' ? 'One column' : 'Two columns'}
          </Button>
          <a className={styles.download} href={sessionPath(id, 'diff')} download={`${id}.patch`}>
            <FileDown size={14} aria-hidden="true" /> Download patch
          </a>
        </span>
      </div>
      <div className={styles.columns}>
        <FileTree files={files} onGo={(index) => document.getElementById(`file-${index}`)?.scrollIntoView()} />
        <div className={styles.files}>
          {files.map((file, index) => (
            // A file that becomes a link is there twice: it goes, and comes again.
            <PatchFileView key={`${file.path} ${file.change}`} file={file} index={index} look={look} />
          ))}
        </div>
      </div>
    </div>
  );
}

function PatchFileView({ file, index, look }: { file: PatchFile; index: number; look: 'split' | 'unified' }) {
  const large = file.lines > LARGE;
  const [open, setOpen] = useState(file.change !== 'deleted' || !large);
  const [anyway, setAnyway] = useState(false);
  const [place, seen] = useSeen();
  const mode = modeWords(file);
  const words = wordsWithoutLines(file);
  return (
    <section className={styles.file} id={`file-${index}`} ref={place} aria-label={visibleLine(file.path)}>
      <h2 className={styles.fileHead}>
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
          <ChevronRight size={14} aria-hidden="true" className={styles.chevron} />
          <code>
            {file.from === undefined ? null : <span className={styles.from}>{visibleLine(file.from)} → </span>}
            {visibleLine(file.path)}
          </code>
          {file.change === 'changed' ? null : <Badge>{file.change}</Badge>}
          {mode === '' ? null : <span className={styles.mode}>{mode}</span>}
          <span className={styles.push} />
          {words === undefined ? <Counts {...file} /> : null}
        </button>
      </h2>
      {open ? (
        words !== undefined ? (
          <p className={styles.note}>{words}</p>
        ) : large && !anyway ? (
          <p className={styles.note}>
            {file.lines.toLocaleString('en')} lines.{' '}
            <Button size="small" onClick={() => setAnyway(true)}>
              Show them
            </Button>
          </p>
        ) : seen ? (
          <Suspense fallback={<Placeholder lines={file.lines} />}>
            <PatchDiff file={file} look={look} />
          </Suspense>
        ) : (
          <Placeholder lines={file.lines} />
        )
      ) : null}
    </section>
  );
}

/** As high as what will take its place, so that nothing jumps. */
function Placeholder({ lines }: { lines: number }) {
  return <div style={{ height: `${Math.max(1, lines - 4) * 1.2}rem` }} aria-hidden="true" />;
}

function EditsSoFar({ timeline }: { timeline: Timeline }) {
  const [touched] = useState(() => new TouchedFiles());
  const files = useMemo(() => touched.of(timeline), [touched, timeline]);
  if (files.length === 0) {
    return (
      <EmptyState title="Nothing was changed yet">
        Edits are shown here as they are made, and the whole patch when the result is published.
      </EmptyState>
    );
  }
  return (
    <div className={styles.changes}>
      <p className={styles.bar}>
        <span>
          Edits so far in {counted(files.length, 'file')}. What commands changed is part of the patch, which is there when the
          result is published.
        </span>
      </p>
      <div className={styles.columns}>
        <FileTree files={files} onGo={(index) => document.getElementById(`file-${index}`)?.scrollIntoView()} />
        <div className={styles.files}>
          {files.map((file, index) => (
            <TouchedFileView key={file.path} file={file} index={index} />
          ))}
        </div>
      </div>
    </div>
  );
}

function TouchedFileView({ file, index }: { file: TouchedFile; index: number }) {
  const [place, seen] = useSeen();
  return (
    <section className={styles.file} id={`file-${index}`} ref={place} aria-label={visibleLine(file.path)}>
      <h2 className={classes(styles.fileHead, styles.plainHead)}>
        <code>{visibleLine(file.path)}</code>
        <span className={styles.push} />
        <Counts {...file} />
      </h2>
      {seen ? (
        file.edits.map(({ seq, edit }, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: one call may edit a file twice
          <div key={at} className={styles.one}>
            <p className={styles.by}>
              <GoTo seq={seq}>{file.edits.length === 1 ? 'In the timeline' : `Edit ${at + 1} of ${file.edits.length}`}</GoTo>
              {edit === undefined
                ? ' · too large to be shown here'
                : edit.change === 'written'
                  ? ' · the whole file was written'
                  : ''}
            </p>
            {edit ? <EditDiff edit={edit} /> : null}
          </div>
        ))
      ) : (
        <Placeholder lines={Math.min(60, file.additions + file.deletions)} />
      )}
    </section>
  );
}
