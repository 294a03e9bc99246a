/** Small labels, and the mark and pill that show how a session is. Colour never says anything alone. */
import {
  Ban,
  CircleCheck,
  CircleDashed,
  CirclePause,
  CircleX,
  LoaderCircle,
  MessageCircleQuestionMark,
  Trash2,
} from 'lucide-react';
import type { ReactNode } from 'react';
import styles from './badge.module.css';
import { classes } from './classes.ts';
import { type StatusMark as Mark, type StatusLook, statusLook, type Tone } from './status.ts';

export function Badge({ tone = 'idle', icon, children }: { tone?: Tone; icon?: ReactNode; children: ReactNode }) {
  return (
    <span className={classes(styles.badge, styles[tone])}>
      {icon}
      {children}
    </span>
  );
}

const ICONS = {
  queued: CircleDashed,
  working: LoaderCircle,
  waiting: MessageCircleQuestionMark,
  paused: CirclePause,
  completed: CircleCheck,
  unverified: CircleCheck,
  failed: CircleX,
  cancelled: Ban,
  deleting: Trash2,
} satisfies Record<Mark, unknown>;

/** The icon alone; whoever uses it says the label in words as well, visibly or for screen readers. */
export function StatusMark({ look, size = 16 }: { look: StatusLook; size?: number }) {
  const Icon = ICONS[look.mark];
  return (
    <span className={classes(styles.mark, styles[look.tone])}>
      <Icon
        size={size}
        aria-hidden="true"
        className={look.mark === 'working' ? styles.turning : undefined}
        {...(look.mark === 'unverified' && { strokeDasharray: '3 3' })}
      />
    </span>
  );
}

export function StatusPill({ session }: { session: Parameters<typeof statusLook>[0] }) {
  const look = statusLook(session);
  return (
    <Badge tone={look.tone} icon={<StatusMark look={look} size={13} />}>
      {look.label}
    </Badge>
  );
}
