/** What becomes of a session's sandbox: asked for, ready, lost and made anew, given back while the session rests. */
import type { EventOf } from './events.ts';
import type { SessionState } from './state.ts';

type Part = Partial<Pick<SessionState, 'sandbox' | 'sandboxLost' | 'sandboxHeld' | 'sandboxReleased' | 'touched'>>;
type SandboxEvent = EventOf<
  'sandbox.requested' | 'sandbox.ready' | 'sandbox.restored' | 'sandbox.lost' | 'sandbox.releasing' | 'sandbox.released'
>;

export function foldSandbox(state: SessionState, event: SandboxEvent): Part {
  switch (event.type) {
    case 'sandbox.requested':
      return { sandboxHeld: event.sandboxType, sandboxReleased: state.sandboxReleased && 'restoring' };
    case 'sandbox.ready':
    case 'sandbox.restored': {
      const { sandbox } = event;
      const touched = state.touched && (event.type === 'sandbox.ready' || sandbox.uid === state.sandbox?.uid);
      return { sandbox, sandboxLost: undefined, sandboxHeld: sandbox.type, sandboxReleased: undefined, touched };
    }
    case 'sandbox.lost':
      return { sandboxLost: event.message };
    case 'sandbox.releasing':
      // Whatever is left of it meanwhile: it is found or made anew before anything is done in it.
      return { sandboxLost: event.message, sandboxReleased: 'begun' };
    case 'sandbox.released':
      return { sandboxLost: event.message, sandboxReleased: 'done', sandboxHeld: undefined };
    default:
      return event satisfies never;
  }
}
