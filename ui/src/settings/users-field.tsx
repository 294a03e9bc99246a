/** Who the profile is assigned to: one's own account with one click, others by name. */
import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import { Button, IconButton } from '../design/button.tsx';
import { Field, Input } from '../design/field.tsx';
import { visibleLine } from '../timeline/visible-text.ts';
import styles from './users-field.module.css';

type UsersFieldProps = {
  users: readonly string[];
  /** Who is looking; null when nobody knows. */
  author: string | null;
  error: string | undefined;
  onChange: (users: string[]) => void;
};

export function UsersField({ users, author, error, onChange }: UsersFieldProps) {
  const [typed, setTyped] = useState('');
  const add = () => {
    const names = typed.split(',').map((name) => name.trim());
    onChange([...new Set([...users, ...names.filter((name) => name !== '')])]);
    setTyped('');
  };
  return (
    <div className={styles.field}>
      {users.length > 0 ? (
        <ul className={styles.users} aria-label="Assigned users">
          {users.map((user) => (
            <li key={user}>
              <span className="truncate">{visibleLine(user)}</span>
              {user === author ? <span className={styles.you}>you</span> : null}
              <IconButton
                label={`Take ${visibleLine(user)} off`}
                size="small"
                className={styles.remove}
                onClick={() => onChange(users.filter((one) => one !== user))}
              >
                <X size={13} aria-hidden="true" />
              </IconButton>
            </li>
          ))}
        </ul>
      ) : null}
      <div className={styles.add}>
        {author !== null && !users.includes(author) ? (
          <Button icon={<Plus size={14} aria-hidden="true" />} onClick={() => onChange([...users, author])}>
            My account ({author})
          </Button>
        ) : null}
        <Field label={<span className="visually-hidden">Another user</span>} error={error} className={styles.other}>
          <Input
            value={typed}
            placeholder="Another user"
            autoCapitalize="off"
            autoComplete="off"
            spellCheck={false}
            onChange={({ currentTarget }) => setTyped(currentTarget.value)}
            onBlur={add}
            onKeyDown={(event) => {
              if ((event.key !== 'Enter' && event.key !== ',') || typed.trim() === '') return;
              // Enter would send the form.
              event.preventDefault();
              add();
            }}
          />
        </Field>
      </div>
    </div>
  );
}
