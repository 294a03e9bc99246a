/** What can be done with a profile wherever it is shown, with the dialogs that this takes. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { CircleUser, Copy, FlaskConical, KeyRound, Pencil, Star, Trash2 } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useMay, useMe } from '../api/me.ts';
import { explain } from '../api/problem.ts';
import { profilesQuery } from '../api/profiles.ts';
import { MenuItem, MenuLink, MenuSeparator } from '../design/menu.tsx';
import { notify } from '../design/toast.tsx';
import { DeleteDialog } from './delete-dialog.tsx';
import { KeyDialog } from './key-dialog.tsx';
import { inOrder, type Profile } from './profile.ts';
import { allProfilesQuery, changeProfile, testProfile } from './profile-requests.ts';
import { useRightsTo } from './profile-rights.ts';
import { beginTry, endTry } from './trying.ts';

export type ProfileActions = {
  test: () => void;
  replaceKey: () => void;
  /** Items of a menu; none when nothing is possible. */
  items: ReactNode[];
  /** To be put anywhere. */
  dialogs: ReactNode;
};

/** @param where a list leads to the profile's own view; after a deletion, that view is left */
export function useProfileActions(profile: Profile, where: { list: boolean; onDeleted?: () => void }): ProfileActions {
  const [dialog, setDialog] = useState<'key' | 'delete' | null>(null);
  const may = useMay();
  const rights = useRightsTo(profile);
  const author = useMe().data?.author ?? null;
  const put = usePutProfile();
  const change = useMutation({
    mutationFn: (body: object) => changeProfile(profile.name, body),
    onSuccess: put,
    onError: (error) => notify(explain(error), 'bad'),
  });
  const test = () => {
    beginTry(profile);
    testProfile(profile.name).catch((error: unknown) => {
      endTry(profile);
      notify(explain(error), 'bad');
    });
  };
  const mine = author !== null && profile.users.includes(author);
  const users = author === null ? profile.users : profile.users.filter((user) => user !== author);
  const items = [
    where.list && rights.change ? (
      <MenuLink
        key="edit"
        icon={<Pencil size={15} aria-hidden="true" />}
        to={`/settings/profiles/${encodeURIComponent(profile.name)}`}
      >
        Edit
      </MenuLink>
    ) : null,
    rights.test ? (
      <MenuItem key="test" icon={<FlaskConical size={15} aria-hidden="true" />} onSelect={test}>
        Test now
      </MenuItem>
    ) : null,
    rights.change && !profile.default ? (
      <MenuItem key="default" icon={<Star size={15} aria-hidden="true" />} onSelect={() => change.mutate({ default: true })}>
        Set as default
      </MenuItem>
    ) : null,
    rights.change && author !== null ? (
      <MenuItem
        key="mine"
        icon={<CircleUser size={15} aria-hidden="true" />}
        onSelect={() => change.mutate({ users: mine ? users : [...users, author] })}
      >
        {mine ? 'Take off my account' : 'Assign to my account'}
      </MenuItem>
    ) : null,
    rights.replaceKey ? (
      <MenuItem key="key" icon={<KeyRound size={15} aria-hidden="true" />} onSelect={() => setDialog('key')}>
        {profile.key.set ? 'Replace key' : 'Enter key'}
      </MenuItem>
    ) : null,
    where.list && may.profiles.create ? (
      <MenuLink
        key="copy"
        icon={<Copy size={15} aria-hidden="true" />}
        to={`/settings/profiles/new?${new URLSearchParams({ from: profile.name })}`}
      >
        Create another like it
      </MenuLink>
    ) : null,
    ...(rights.delete
      ? [
          <MenuSeparator key="line" />,
          <MenuItem key="delete" danger icon={<Trash2 size={15} aria-hidden="true" />} onSelect={() => setDialog('delete')}>
            Delete
          </MenuItem>,
        ]
      : []),
  ].filter((item) => item !== null);
  const close = () => setDialog(null);
  return {
    test,
    replaceKey: () => setDialog('key'),
    items,
    dialogs: (
      <>
        <KeyDialog profile={profile} open={dialog === 'key'} onClose={close} />
        <DeleteDialog
          profile={profile}
          open={dialog === 'delete'}
          onClose={close}
          onDeleted={() => {
            close();
            where.onDeleted?.();
          }}
        />
      </>
    ),
  };
}

/** Shows a profile as the server just answered, before it tells of it by itself. */
export function usePutProfile(): (profile: Profile) => void {
  const client = useQueryClient();
  return (profile) => {
    client.setQueryData(
      allProfilesQuery.queryKey,
      (known: Profile[] | undefined) =>
        known && inOrder([...known.filter(({ name }) => name !== profile.name).map((one) => after(one, profile)), profile]),
    );
    client.invalidateQueries({ queryKey: profilesQuery.queryKey }).catch(() => {});
  };
}

/** There is one default only. */
function after(other: Profile, changed: Profile): Profile {
  return changed.default && other.default ? { ...other, default: false } : other;
}
