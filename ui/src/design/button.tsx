/** Buttons, and links that look like them. */
import type { ComponentProps, ReactNode } from 'react';
import { Link, type LinkProps } from 'react-router';
import styles from './button.module.css';
import { classes } from './classes.ts';
import { Tooltip } from './tooltip.tsx';

export type ButtonLook = {
  /** One primary button per view at most. `danger` for what cannot be undone; `danger-primary` to confirm that. */
  variant?: 'primary' | 'secondary' | 'ghost' | 'danger' | 'danger-primary';
  size?: 'small' | 'medium';
};

export type ButtonProps = ComponentProps<'button'> &
  ButtonLook & {
    icon?: ReactNode;
    /** Something it started is not done yet: it keeps its focus and its width, and does nothing more. */
    busy?: boolean;
  };

export function Button({
  variant,
  size,
  icon,
  busy = false,
  className,
  children,
  type = 'button',
  onClick,
  ...rest
}: ButtonProps) {
  return (
    <button
      type={type}
      className={classes(look({ variant, size }), className)}
      aria-disabled={busy || undefined}
      aria-busy={busy || undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
      {...rest}
    >
      {busy ? <span className={styles.spinner} aria-hidden="true" /> : icon}
      {children}
    </button>
  );
}

export function ButtonLink({ variant, size, icon, className, children, ...rest }: LinkProps & ButtonLook & { icon?: ReactNode }) {
  return (
    <Link className={classes(look({ variant, size }), className)} {...rest}>
      {icon}
      {children}
    </Link>
  );
}

/** A button that is only an icon; its label is its name for everybody who cannot see it, and its tooltip for who can. */
export function IconButton({
  label,
  variant = 'ghost',
  size,
  className,
  children,
  ...rest
}: Omit<ButtonProps, 'icon' | 'aria-label'> & { label: string }) {
  return (
    <Tooltip content={label}>
      <Button aria-label={label} variant={variant} className={classes(styles.icon, className)} {...(size && { size })} {...rest}>
        {rest.busy ? null : children}
      </Button>
    </Tooltip>
  );
}

function look({ variant = 'secondary', size = 'medium' }: { [Name in keyof ButtonLook]: ButtonLook[Name] | undefined }): string {
  return classes(
    styles.button,
    variant === 'danger-primary' ? styles.dangerPrimary : styles[variant],
    size === 'small' && styles.small,
  );
}
