/** Tool calls: begun, writing, ended. What acts on the session itself and went well is told by the events that follow. */
import type { Draft } from './draft.ts';
import { busy, entryBase } from './fold-life.ts';
import { isProblem } from './kinds.ts';
import type { CallEntry, EventOf, OpenCall } from './model.ts';
import { familyOf, summaryOf } from './tool-families.ts';

type ToolEvent = EventOf<'tool.started' | 'tool.output' | 'tool.finished'>;

export function foldTool(draft: Draft, event: ToolEvent): void {
  const { threads } = draft.at;
  const open = threads.calls.get(event.callId);
  switch (event.type) {
    case 'tool.started': {
      const place = draft.add(call(draft, event, open, { summary: event.summary, running: true }));
      const { conversation, name } = event;
      threads.calls = new Map(threads.calls).set(event.callId, { conversation, name, args: open?.args ?? '', place });
      draft.at.now = { kind: 'tool', summary: event.summary, since: draft.time, seq: draft.seq };
      return;
    }
    case 'tool.output': {
      const entry = draft.entry(open?.place);
      if (open?.place && entry?.kind === 'call') {
        draft.replace(open.place, { ...entry, last: draft.seq, output: { bytes: event.bytes, tail: event.tail } });
      }
      return;
    }
    case 'tool.finished': {
      const calls = new Map(threads.calls);
      calls.delete(event.callId);
      threads.calls = calls;
      const { outcome, result, exitCode, durationMs, wrote } = event;
      const ended = { running: false, outcome, result, exitCode, durationMs, wrote: wrote ?? [], last: draft.seq };
      const before = draft.entry(open?.place);
      if (open?.place && before?.kind === 'call') {
        const entry: CallEntry = { ...before, ...ended };
        draft.replace(open.place, entry);
        if (isProblem(entry)) draft.problem(open.place);
      } else if (!(outcome === 'ok' && familyOf(event.name) === 'session')) {
        const entry = call(draft, event, open, ended);
        const place = draft.add(entry);
        if (isProblem(entry)) draft.problem(place);
      }
      busy(draft, 'Going on with the result');
      return;
    }
    default:
      event satisfies never;
  }
}

function call(
  draft: Draft,
  event: { callId: string; name: string },
  open: OpenCall | undefined,
  given: Partial<CallEntry>,
): CallEntry {
  return {
    kind: 'call',
    ...entryBase(draft),
    role: draft.at.threads.conversation?.role,
    callId: event.callId,
    name: event.name,
    family: familyOf(event.name),
    summary: summaryOf(event.name, open?.args),
    args: open?.args,
    running: false,
    output: undefined,
    outcome: undefined,
    result: undefined,
    exitCode: undefined,
    durationMs: undefined,
    wrote: [],
    ...given,
  };
}
