/** Files by their folders. */
import { FolderClosed } from 'lucide-react';
import { visibleLine } from '../timeline/visible-text.ts';
import styles from './changes.module.css';
import { Counts } from './edit-diff.tsx';

type Listed = { path: string; additions: number; deletions: number };

export function FileTree({ files, onGo }: { files: readonly Listed[]; onGo: (index: number) => void }) {
  const folders = Map.groupBy(
    files.map((file, index) => ({ ...file, index })),
    ({ path }) => path.slice(0, path.lastIndexOf('/') + 1),
  );
  return (
    <nav className={styles.tree} aria-label="Changed files">
      <ul>
        {[...folders].map(([folder, inside]) => (
          <li key={folder}>
            {folder === '' ? null : (
              <p className={styles.folder} title={visibleLine(folder)}>
                <FolderClosed size={13} aria-hidden="true" />
                <span className="truncate">{visibleLine(folder.slice(0, -1))}</span>
              </p>
            )}
            <ul className={folder === '' ? undefined : styles.inside}>
              {inside.map(({ path, index, ...counts }) => (
                <li key={index}>
                  <button type="button" className={styles.leaf} title={visibleLine(path)} onClick={() => onGo(index)}>
                    <span className="truncate">{visibleLine(path.slice(folder.length))}</span>
                    <Counts {...counts} />
                  </button>
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
    </nav>
  );
}
