/** What kind of thing a tool does, and what its arguments say of it in one line. */
import type { TextOrBlob, ToolFamily } from './model.ts';

const FAMILIES: Readonly<Record<string, ToolFamily>> = {
  bash: 'command',
  read_file: 'read',
  search: 'read',
  list_files: 'read',
  write_file: 'edit',
  edit_file: 'edit',
  apply_patch: 'edit',
  submit_plan: 'session',
  update_plan: 'session',
  finish: 'session',
  submit_review: 'session',
  ask_user: 'session',
};

export function familyOf(tool: string): ToolFamily {
  return Object.hasOwn(FAMILIES, tool) ? (FAMILIES[tool] ?? 'other') : 'other';
}

/** The arguments of a call; undefined when they are no JSON object, or not here. */
export function argumentsOf(args: TextOrBlob | undefined): Readonly<Record<string, unknown>> | undefined {
  if (typeof args !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(args);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The line for a call that never began, so that nobody has told what it does. */
export function summaryOf(tool: string, args: TextOrBlob | undefined): string {
  const given = argumentsOf(args);
  const first = (name: string) => (typeof given?.[name] === 'string' ? oneLine(given[name]) : '');
  switch (tool) {
    case 'bash':
      return `$ ${first('command')}`.trim();
    case 'read_file':
      return `read ${first('path')}`.trim();
    case 'write_file':
      return `write ${first('path')}`.trim();
    case 'edit_file':
      return `edit ${first('path')}`.trim();
    case 'search':
      return `search ${first('pattern')}`.trim();
    case 'list_files':
      return `list ${first('path') || '.'}`;
    default:
      return tool;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function oneLine(text: string): string {
  const line = text.slice(0, 400).replace(/\s+/g, ' ').trim();
  return line.length <= 120 ? line : `${line.slice(0, 119)}…`;
}
