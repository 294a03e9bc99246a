/** What can be done to a session. */
import {
  Ban,
  CirclePause,
  CirclePlay,
  Copy,
  Download,
  Ellipsis,
  FileDown,
  Gauge,
  Repeat2,
  SquareTerminal,
  Trash2,
} from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { useNavigate } from 'react-router';
import { loadPart } from '../api/part.ts';
import { Button, IconButton } from '../design/button.tsx';
import { copyText } from '../design/copy-text.ts';
import { ConfirmDialog } from '../design/dialog.tsx';
import { Menu, MenuItem, MenuSeparator } from '../design/menu.tsx';
import { notify } from '../design/toast.tsx';
import type { Timeline } from '../timeline/model.ts';
import { useAct } from './act.ts';
import styles from './header.module.css';
import { LimitsDialog } from './limits-dialog.tsx';
import { useSession } from './session-context.ts';
import { type SessionView, sessionPath } from './session-view.ts';

const CommandsDialog = lazy(async () => ({ default: (await loadPart(() => import('./commands-dialog.tsx'))).CommandsDialog }));

type Asked = 'cancel' | 'delete' | 'limits' | 'commands';

export function Actions(props: { session: SessionView; timeline: Timeline; phase: string }) {
  const { session, timeline, phase } = props;
  const { id, may } = useSession();
  const act = useAct(id);
  const navigate = useNavigate();
  const [asked, setAsked] = useState<Asked | undefined>();
  const close = () => setAsked(undefined);
  const update = may.sessions.update && session.deleted_at === null;
  const over = phase === 'Completed' || phase === 'Failed' || phase === 'Cancelled';
  const paused = phase === 'Paused' || session.suspended;
  const published = session.result?.branch !== null && session.result?.branch !== undefined;
  const perform = (what: 'suspend' | 'resume') => act.mutate({ do: what });
  return (
    <div className={styles.actions}>
      {update && !over && !paused ? (
        <Button
          size="small"
          icon={<CirclePause size={15} aria-hidden="true" />}
          busy={act.isPending}
          onClick={() => perform('suspend')}
        >
          <span className={styles.word}>Suspend</span>
        </Button>
      ) : null}
      {update && !over && paused ? (
        <Button
          size="small"
          icon={<CirclePlay size={15} aria-hidden="true" />}
          busy={act.isPending}
          onClick={() => perform('resume')}
        >
          <span className={styles.word}>Resume</span>
        </Button>
      ) : null}
      {update && !over ? (
        <Button size="small" icon={<Ban size={15} aria-hidden="true" />} onClick={() => setAsked('cancel')}>
          <span className={styles.word}>Cancel</span>
        </Button>
      ) : null}
      <Menu
        trigger={
          <IconButton label="More" size="small" variant="secondary">
            <Ellipsis size={16} aria-hidden="true" />
          </IconButton>
        }
      >
        {may.sessions.create ? (
          <MenuItem
            icon={<Repeat2 size={15} aria-hidden="true" />}
            onSelect={() => void navigate(`/sessions/new?from=${encodeURIComponent(id)}`)}
          >
            Start again from this
          </MenuItem>
        ) : null}
        {update && phase !== 'Cancelled' ? (
          <MenuItem icon={<Gauge size={15} aria-hidden="true" />} onSelect={() => setAsked('limits')}>
            Change limits
          </MenuItem>
        ) : null}
        {published && may.sessions.read_log ? (
          <>
            <MenuItem
              icon={<FileDown size={15} aria-hidden="true" />}
              onSelect={() => download(sessionPath(id, 'diff'), `${id}.patch`)}
            >
              Download patch
            </MenuItem>
            <MenuItem
              icon={<Download size={15} aria-hidden="true" />}
              onSelect={() => download(sessionPath(id, 'bundle'), `${id}.bundle`)}
            >
              Download branch as a bundle
            </MenuItem>
          </>
        ) : null}
        <MenuItem icon={<SquareTerminal size={15} aria-hidden="true" />} onSelect={() => setAsked('commands')}>
          kubectl and curl
        </MenuItem>
        <MenuItem icon={<Copy size={15} aria-hidden="true" />} onSelect={() => copy(id)}>
          Copy id
        </MenuItem>
        {may.sessions.delete && session.deleted_at === null ? (
          <>
            <MenuSeparator />
            <MenuItem icon={<Trash2 size={15} aria-hidden="true" />} danger onSelect={() => setAsked('delete')}>
              Delete
            </MenuItem>
          </>
        ) : null}
      </Menu>
      <ConfirmDialog
        open={asked === 'cancel'}
        onClose={close}
        title="Cancel this session?"
        description="It ends for good: no message takes it up again. What was done so far is kept and can be looked at."
        confirm="Cancel session"
        danger
        busy={act.isPending}
        onConfirm={() => act.mutate({ do: 'cancel' }, { onSuccess: close })}
      />
      <ConfirmDialog
        open={asked === 'delete'}
        onClose={close}
        title="Delete this session?"
        description="Its log, its results and its sandbox go with it. A branch that was pushed stays in the repository. This cannot be taken back."
        confirm="Delete session"
        danger
        busy={act.isPending}
        onConfirm={() => act.mutate({ do: 'delete' }, { onSuccess: close })}
      />
      <LimitsDialog session={session} open={asked === 'limits'} onClose={close} />
      {asked === 'commands' ? (
        <Suspense>
          <CommandsDialog session={session} timeline={timeline} open onClose={close} />
        </Suspense>
      ) : null}
    </div>
  );
}

function download(path: string, name: string): void {
  const link = document.createElement('a');
  link.href = path;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

function copy(text: string): void {
  copyText(text).then(
    () => notify('Copied.'),
    () => notify('The browser does not let this page copy.', 'bad'),
  );
}
