/** How a profile is, as a label. */
import { CircleAlert, CircleCheck, CircleDashed, CircleX, LoaderCircle } from 'lucide-react';
import { Badge } from '../design/badge.tsx';
import { classes } from '../design/classes.ts';
import styles from './health.module.css';
import type { Health } from './health.ts';

const ICONS = {
  ready: CircleCheck,
  warning: CircleAlert,
  failed: CircleX,
  trying: LoaderCircle,
  unknown: CircleDashed,
} satisfies Record<Health['mark'], unknown>;

export function HealthBadge({ health }: { health: Health }) {
  const Icon = ICONS[health.mark];
  return (
    <Badge
      tone={health.tone}
      icon={<Icon size={13} aria-hidden="true" className={classes(health.mark === 'trying' && styles.turning)} />}
    >
      {health.label}
    </Badge>
  );
}
