/** From an action to its effect. */
import type { Action } from '../action.ts';
import { callModel } from './call-model.ts';
import type { ActionContext } from './context.ts';
import { handGuide } from './hand-guide.ts';
import { isolateTests } from './isolate-tests.ts';
import { openConversation } from './open-conversation.ts';
import { provision } from './provision.ts';
import { publish } from './publish.ts';
import { release } from './release.ts';
import { runTool } from './run-tool.ts';
import { verify } from './verify.ts';
import { commit, reset } from './worktree.ts';

/** Does the action and emits what came of it. Throws what is for the task: Interrupt, lost or unavailable sandbox, fencing. */
export async function perform(action: Action, context: ActionContext): Promise<void> {
  switch (action.do) {
    case 'provision':
      return provision(context);
    case 'open-conversation':
      return openConversation(action.role, context);
    case 'call-model':
      return callModel(action, context);
    case 'run-tool':
      return runTool(action.call, context);
    case 'hand-guide':
      return handGuide(action, context);
    case 'reset-worktree':
      return reset(action, context);
    case 'commit':
      return commit(context);
    case 'verify':
      return verify(action, context);
    case 'isolate-tests':
      return isolateTests(action, context);
    case 'publish':
      return publish(context);
    case 'release':
      return release(context);
    case 'record':
      return context.emit(...action.events);
    case 'wait':
    case 'idle':
      return;
  }
}
