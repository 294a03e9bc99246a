/** What is around every view: where one can go, who is looking, whether the server is there. */
import { Bot, CircleUser, Keyboard, List, LogOut, Monitor, Moon, Plus, SquarePen, Sun } from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Link, Navigate, NavLink, Outlet, ScrollRestoration, useLocation, useNavigate, useNavigation } from 'react-router';
import { logOut, useMay, useMe } from '../api/me.ts';
import { explain, Problem } from '../api/problem.ts';
import { Button, ButtonLink, IconButton } from '../design/button.tsx';
import { classes } from '../design/classes.ts';
import { Menu, MenuChoice, MenuItem, MenuSeparator } from '../design/menu.tsx';
import { notify, Toasts } from '../design/toast.tsx';
import { ConnectionBanner } from './connection-banner.tsx';
import { KeyboardHelp } from './keyboard-help.tsx';
import styles from './layout.module.css';
import { Logo } from './logo.tsx';
import { useShortcuts } from './shortcuts.ts';
import { type ThemeChoice, useTheme } from './theme.ts';

export function Layout() {
  const me = useMe();
  const may = useMay();
  // Until it is known: the form says so itself when somebody may not.
  const mayStart = me.isPending || may.sessions.create;
  const location = useLocation();
  const navigate = useNavigate();
  const loading = useNavigation().state !== 'idle';
  const [help, setHelp] = useState(false);
  const content = useFocusOnNavigation();
  // At once, where the view is loaded already: the next key is meant for it.
  const go = (to: string) => void navigate(to, { flushSync: true });
  useShortcuts([
    ...(mayStart ? [{ keys: 'n', label: 'New session', group: 'Everywhere', run: () => go('/sessions/new') }] : []),
    { keys: 'g s', label: 'Go to sessions', group: 'Everywhere', run: () => go('/sessions') },
    { keys: 'g p', label: 'Go to AI profiles', group: 'Everywhere', run: () => go('/settings/profiles') },
    { keys: '?', label: 'Show these shortcuts', group: 'Everywhere', run: () => setHelp(true) },
  ]);
  if (me.error instanceof Problem && me.error.status === 401) {
    const next = `${location.pathname}${location.search}${location.hash}`;
    return <Navigate to={`/login?${new URLSearchParams({ next })}`} replace />;
  }
  return (
    <div className={styles.frame}>
      <a className={styles.skip} href="#content">
        Skip to content
      </a>
      <div className={styles.progress} data-on={loading || undefined} />
      <header className={styles.sidebar}>
        <Link to="/sessions" className={styles.brand}>
          <Logo />
          SWE Agent
        </Link>
        {mayStart ? (
          <ButtonLink to="/sessions/new" variant="primary" className={styles.new} icon={<Plus size={16} aria-hidden="true" />}>
            New session
          </ButtonLink>
        ) : null}
        <nav className={styles.nav} aria-label="Main">
          <SidebarLink to="/sessions" icon={<List size={16} aria-hidden="true" />}>
            Sessions
          </SidebarLink>
          <p className={styles.navLabel}>Settings</p>
          <SidebarLink to="/settings/profiles" icon={<Bot size={16} aria-hidden="true" />}>
            AI Profiles
          </SidebarLink>
        </nav>
        <div className={styles.foot}>
          <UserMenu onHelp={() => setHelp(true)} side="top">
            <Button variant="ghost" className={styles.user}>
              <span className={styles.initial} aria-hidden="true">
                {(me.data?.author ?? '·').slice(0, 1)}
              </span>
              <span className="truncate">{me.data?.author ?? 'You'}</span>
            </Button>
          </UserMenu>
          <IconButton label="Keyboard shortcuts (?)" onClick={() => setHelp(true)}>
            <Keyboard size={16} aria-hidden="true" />
          </IconButton>
        </div>
      </header>
      <div className={styles.main}>
        <ConnectionBanner />
        <main id="content" className={styles.content} tabIndex={-1} ref={content}>
          <Outlet />
        </main>
      </div>
      <nav className={styles.bar} aria-label="Main">
        <BarLink to="/sessions" end icon={<List size={20} aria-hidden="true" />}>
          Sessions
        </BarLink>
        {mayStart ? (
          <BarLink to="/sessions/new" icon={<SquarePen size={20} aria-hidden="true" />}>
            New
          </BarLink>
        ) : null}
        <BarLink to="/settings/profiles" icon={<Bot size={20} aria-hidden="true" />}>
          Profiles
        </BarLink>
        <UserMenu onHelp={() => setHelp(true)} side="top">
          <button type="button" className={styles.tab}>
            <CircleUser size={20} aria-hidden="true" />
            You
          </button>
        </UserMenu>
      </nav>
      <KeyboardHelp open={help} onClose={() => setHelp(false)} />
      <Toasts />
      <ScrollRestoration />
    </div>
  );
}

/** The session form is no part of the list, though its address begins like it. */
function SidebarLink({ to, icon, children }: { to: string; icon: ReactNode; children: ReactNode }) {
  const { pathname } = useLocation();
  const here = pathname.startsWith(to) && pathname !== '/sessions/new';
  return (
    <Link to={to} className={styles.link} aria-current={here ? 'page' : undefined}>
      {icon}
      {children}
    </Link>
  );
}

function BarLink({ to, icon, end = false, children }: { to: string; icon: ReactNode; end?: boolean; children: ReactNode }) {
  return (
    <NavLink to={to} end={end} className={classes(styles.tab)}>
      {icon}
      {children}
    </NavLink>
  );
}

const THEMES = [
  { value: 'system', label: 'As the system', icon: <Monitor size={15} aria-hidden="true" /> },
  { value: 'light', label: 'Light', icon: <Sun size={15} aria-hidden="true" /> },
  { value: 'dark', label: 'Dark', icon: <Moon size={15} aria-hidden="true" /> },
] as const;

function UserMenu({
  onHelp,
  side,
  children,
}: {
  onHelp: () => void;
  side: 'top' | 'bottom';
  children: React.ReactElement<Record<string, unknown>>;
}) {
  const me = useMe().data;
  const [theme, setTheme] = useTheme();
  const leave = () => {
    logOut().then(
      // Loaded anew, so that nothing is left for whoever is next.
      () => location.assign('/login'),
      (error: unknown) => notify(explain(error), 'bad'),
    );
  };
  return (
    <Menu trigger={children} align="start" side={side}>
      <MenuChoice<ThemeChoice> label="Theme" value={theme} options={THEMES} onChange={setTheme} />
      <MenuSeparator />
      <MenuItem icon={<Keyboard size={15} aria-hidden="true" />} onSelect={onHelp}>
        Keyboard shortcuts <kbd>?</kbd>
      </MenuItem>
      {me && me.auth !== 'none' ? (
        <MenuItem icon={<LogOut size={15} aria-hidden="true" />} onSelect={leave}>
          Log out
        </MenuItem>
      ) : null}
    </Menu>
  );
}

/** Puts the focus on the new view, so that a screen reader begins there; not on the first one, where nobody moved. */
function useFocusOnNavigation() {
  const { pathname } = useLocation();
  const content = useRef<HTMLElement>(null);
  const shown = useRef(pathname);
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    // A view that took the focus itself knows better.
    if (!content.current?.contains(document.activeElement)) content.current?.focus({ preventScroll: true });
  }, [pathname]);
  return content;
}
