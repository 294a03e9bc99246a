/** What a full disk of a sandbox is told as. */
import { type SandboxType, SandboxUnavailableError } from './transport.ts';

/** It passes when somebody makes room: the user, or the session itself by its next command. */
export function storageFull(type: SandboxType, cause?: unknown): SandboxUnavailableError {
  const message =
    type === 'local'
      ? 'the disk that holds the workspace is full; free some space: delete sessions that are not needed any more, or large files in their folders'
      : 'the disk of the sandbox is full; remove large files in it, or start a session with more in spec.sandbox.workspaceSize';
  return new SandboxUnavailableError('StorageFull', message, { permanent: false, cause });
}
