/** One tool call: refused with words for the model, done by the session itself, or run in the sandbox under an operation id. */
import { guidesTouched } from '../../agent/nested-guides.ts';
import { parseArguments } from '../../agent/tools/arguments.ts';
import { toolsFor } from '../../agent/tools/catalog.ts';
import { locate } from '../../agent/tools/paths.ts';
import type { SandboxTool, ToolResult } from '../../agent/tools/tool.ts';
import { describeError } from '../../logger.ts';
import { SandboxUnavailableError } from '../../sandbox/transport.ts';
import type { RecordedCall } from '../event-parts.ts';
import { endsCommands, type Interrupt } from '../interrupt.ts';
import type { Conversation } from '../state.ts';
import type { ActionContext } from './context.ts';
import { endCommand } from './end-command.ts';
import { insteadOfGuide } from './hand-guide.ts';
import { runSessionTool } from './session-tools.ts';

/** Live output of a command is shown in events at least this far apart. */
const OUTPUT_EVERY_MS = 1_000;

export async function runTool(call: RecordedCall, context: ActionContext): Promise<void> {
  const { conversation } = context.state;
  if (!conversation) throw new Error('no conversation is open');
  const tools = toolsFor(conversation.role, conversation.model);
  const parsed = parseArguments(call.name, await context.texts.load(call.arguments), tools);
  if ('error' in parsed) return finish(call, conversation, context, { outcome: 'error', text: parsed.error }, context.deps.now());
  const tool = tools.sandboxTool(call.name);
  if (tool) return runInSandbox(tool, parsed.args, call, conversation, context);
  const began = context.deps.now();
  const { result, events } = runSessionTool(call.name, call.id, parsed.args, context);
  if (result) await finish(call, conversation, context, result, began, events);
  else context.emit(...events);
}

async function runInSandbox(
  tool: SandboxTool,
  args: Record<string, unknown>,
  call: RecordedCall,
  conversation: Conversation,
  context: ActionContext,
): Promise<void> {
  const { deps, signal } = context;
  const sandbox = await context.sandbox();
  const again = conversation.started?.callId === call.id ? conversation.started : undefined;
  const op = again?.op ?? operationId(conversation, context.state.steps);
  if (again && again.sandboxUid !== sandbox.identity.uid) {
    const text =
      'The sandbox was lost while this ran. Whether it came to an end is not known; look at the state of the worktree before you go on.';
    return finish(call, conversation, context, { outcome: 'lost', text }, Date.parse(again.time));
  }
  if (!again) {
    const summary = tool.summary(args);
    context.emit({
      type: 'tool.started',
      conversation: conversation.id,
      callId: call.id,
      name: call.name,
      op,
      sandboxUid: sandbox.identity.uid,
      summary,
    });
    await context.flush();
  }
  // One that an earlier owner began has run since then.
  const began = again ? Date.parse(again.time) : deps.now();
  const live = new LiveOutput(call, context);
  let result: ToolResult;
  try {
    result = await tool
      .run(args, {
        sandbox,
        op,
        resumed: again !== undefined,
        signal,
        maxTimeoutSeconds: deps.maxCommandSeconds,
        seen: context.seen,
        onOutput: (progress) => live.show(progress),
      })
      .finally(() => live.end());
  } catch (error) {
    if (error instanceof SandboxUnavailableError && error.reason === 'StorageFull') {
      result = {
        outcome: 'error',
        text: 'No space is left on the disk that holds the workspace, so this was not done. End what goes on writing, and remove what is not needed with bash (build output, caches; du -sh * shows what is large): a few small commands still run on a full disk. Then try again. Where not even rm runs any more, only the user can make room.',
      };
    } else if (!signal.aborted && (error instanceof RangeError || error instanceof TypeError)) {
      // A fault of ours with just this call: done again it would fail again, for ever. The model can take another way.
      deps.logger.error('a tool failed', { uid: context.owner.uid, tool: call.name, error: describeError(error) });
      result = { outcome: 'error', text: `${call.name} failed within the platform: ${error.message}. Take another way.` };
    } else {
      if (!signal.aborted) throw error;
      if (endsCommands(signal.reason)) {
        await endCommand(sandbox, op, context);
        await finish(call, conversation, context, { outcome: 'interrupted', text: interruptedText(signal.reason) }, began);
      }
      throw signal.reason;
    }
  }
  const guides = guidesTouched(conversation.guides.unseen, { name: call.name, args, wrote: result.wrote }, sandbox.worktree);
  const path = call.name === 'read_file' && result.outcome === 'ok' ? wholeFile(args, sandbox.worktree) : undefined;
  const instead = path === undefined ? undefined : await insteadOfGuide({ guides, path, result: result.text }, context);
  await finish(call, conversation, context, { ...result, text: instead ?? result.text, guides }, began);
}

/** The file that was read from its beginning to its end, relative to the worktree. */
function wholeFile({ path, start_line: start, end_line: end }: Record<string, unknown>, worktree: string): string | undefined {
  if ((start !== undefined && start !== 1) || end !== undefined) return undefined;
  const located = locate(String(path), worktree);
  return 'path' in located ? located.path : undefined;
}

async function finish(
  call: RecordedCall,
  conversation: Conversation,
  context: ActionContext,
  result: ToolResult & { guides?: string[] },
  began: number,
  events: Parameters<ActionContext['emit']> = [],
): Promise<void> {
  const stored = await context.texts.store(result.text);
  context.emit(
    {
      type: 'tool.finished',
      conversation: conversation.id,
      callId: call.id,
      name: call.name,
      outcome: result.outcome,
      result: stored,
      durationMs: result.durationMs ?? Math.max(0, context.deps.now() - began),
      ...(result.exitCode === undefined ? {} : { exitCode: result.exitCode }),
      ...(result.wrote === undefined ? {} : { wrote: result.wrote }),
      ...(result.guides?.length ? { guides: result.guides } : {}),
    },
    ...events,
  );
}

/** The same for the same call after a crash, and used by no other call of the session. */
function operationId(conversation: Conversation, steps: number): string {
  const answer = conversation.turns.findLast((turn) => turn.kind === 'assistant');
  const index = (answer?.calls.length ?? 0) - conversation.openCalls.length;
  return `${conversation.id}.${steps}.${index}`;
}

function interruptedText(interrupt: Interrupt): string {
  switch (interrupt.kind) {
    case 'message':
      return 'Ended before it was done, because the user sent a message (see below). It may have done part of its work.';
    case 'time-limit':
      return 'Ended before it was done, because the working time of the session (spec.limits.timeoutSeconds) was used up. It may have done part of its work; look at the state before you go on.';
    case 'suspended':
      return 'Ended before it was done, because the session was suspended. It may have done part of its work; look at the state before you go on.';
    default:
      return 'Ended before it was done, because the platform was stopped. It may have done part of its work; look at the state before you go on.';
  }
}

/** Shows output while it comes, at intervals; the last of it too when the command goes on in silence. */
class LiveOutput {
  readonly #call: RecordedCall;
  readonly #context: ActionContext;
  #shownAt: number;
  #timer: NodeJS.Timeout | undefined;
  #latest = { bytes: 0, tail: '' };

  constructor(call: RecordedCall, context: ActionContext) {
    this.#call = call;
    this.#context = context;
    this.#shownAt = context.deps.now();
  }

  show(progress: { bytes: number; tail: string }): void {
    this.#latest = progress;
    // Never longer, whatever became of the clock.
    const wait = OUTPUT_EVERY_MS - Math.min(OUTPUT_EVERY_MS, Math.max(0, this.#context.deps.now() - this.#shownAt));
    this.#timer ??= setTimeout(() => this.#emit(), wait);
  }

  /** What was not shown yet is part of the result. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #emit(): void {
    this.#timer = undefined;
    this.#shownAt = this.#context.deps.now();
    this.#context.emit({ type: 'tool.output', callId: this.#call.id, ...this.#latest });
    // Nothing waits for this write; the next flush reports its failure.
    this.#context.flush().catch(() => undefined);
  }
}
