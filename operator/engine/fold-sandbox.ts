/** What becomes of a session's sandbox: asked for, ready, lost and made anew, given back while the session rests. */
import type { EventOf } from './events.ts';
import type { SessionState } from './state.ts';

type Part = Partial<
  Pick<SessionState, 'sandbox' | 'sandboxLost' | 'sandboxHeld' | 'sandboxReleased' | 'touched' | 'conversation'>
>;
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
      const untold = event.type === 'sandbox.restored' && event.untold ? event.message : undefined;
      const conversation = untold === undefined ? state.conversation : state.conversation && { ...state.conversation, untold };
      return { sandbox, sandboxLost: undefined, sandboxHeld: sandbox.type, sandboxReleased: undefined, touched, conversation };
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
