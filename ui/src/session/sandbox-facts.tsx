/** Where the commands of a session run, and how that is. */
import { type ReactNode, useId } from 'react';
import { CopyButton } from '../design/copy-button.tsx';
import { sandboxWords } from '../design/sandbox-words.ts';
import { visibleLine } from '../timeline/visible-text.ts';
import type { SessionView } from './session-view.ts';
import styles from './tables.module.css';

export function SandboxFacts({ session }: { session: SessionView }) {
  const { sandbox } = session;
  const state = session.conditions.find(({ type }) => type === 'SandboxReady');
  const heading = useId();
  if (!sandbox && !state) return null;
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading}>Sandbox</h2>
      <dl className={styles.facts}>
        {sandbox?.type ? <Fact name="Kind">{sandboxWords(sandbox.type)}</Fact> : null}
        {sandbox?.name ? (
          <Fact name="Name">
            <code>{visibleLine(sandbox.name)}</code>
          </Fact>
        ) : null}
        {sandbox?.uid ? (
          <Fact name="Id">
            <code>{visibleLine(sandbox.uid)}</code> <CopyButton text={sandbox.uid} label="Copy the id of the sandbox" />
          </Fact>
        ) : null}
        {state ? (
          <Fact name="State">{state.status === 'True' ? 'Ready' : visibleLine(`${state.reason}: ${state.message}`)}</Fact>
        ) : null}
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
