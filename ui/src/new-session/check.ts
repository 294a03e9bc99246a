/** What is wrong with a form: by the schema before it is sent, and by the server after. Pure. */
import type { FieldProblem } from '../api/problem.ts';
import { type Draft, fieldOf, lines, numberPlace, requestOf } from './draft.ts';
import validate from './validate-request.gen.js';

export type Wrong = Partial<Record<keyof Draft, string>>;

/** Messages by field; empty when the request may be sent. @param localPaths whether repositories may be paths */
export function check(draft: Draft, localPaths: boolean): Wrong {
  const wrong: Wrong = {};
  const request = requestOf(draft);
  if (!validate(request)) {
    for (const { instancePath, keyword, params } of validate.errors ?? []) {
      const given: Partial<Record<string, unknown>> = params;
      const path = [instancePath.slice(1), keyword === 'required' ? String(given.missingProperty) : '']
        .filter(Boolean)
        .join('/')
        .replaceAll('/', '.');
      const field = fieldOf(path);
      if (field) wrong[field] ??= message(field, keyword, given, path, draft);
    }
  }
  if (draft.branch.trim() !== '' && !isBranch(draft.branch.trim())) {
    wrong.branch ??= 'Git takes no branch name like this. Letters, digits and . _ / - will do.';
  }
  const repository = repositoryProblem(draft.repo_url, localPaths);
  if (repository !== undefined) wrong.repo_url ??= repository;
  return wrong;
}

/**
 * What is wrong with the name of a repository that is there and is neither a URL nor a path: the server would take any word
 * for the path of a folder where it takes paths. Whether there is a repository turns out when it is fetched.
 */
export function repositoryProblem(typed: string, localPaths: boolean): string | undefined {
  const text = typed.trim();
  // Whatever is before a colon or an @ is a scheme or a host, and the server knows which it takes.
  if (text === '' || /^[^/]*[:@]/.test(text)) return undefined;
  const urls = 'https://host/path or git@host:path';
  if (!localPaths) return `This is no URL. Write ${urls}.`;
  if (/^\.{0,2}\//.test(text)) return undefined;
  return `This is neither a URL nor a path. Write ${urls}, or the whole path of a folder on the server’s machine, such as /home/you/project.`;
}

/** Sorts what the server found wrong to the fields; the rest is told above the form. */
export function sortProblems(problems: readonly FieldProblem[]): { wrong: Wrong; rest: string[] } {
  const wrong: Wrong = {};
  const rest: string[] = [];
  for (const { field, message: said } of problems) {
    const key = fieldOf(field);
    if (key) wrong[key] ??= sentence(said);
    else rest.push(`${field} ${said}`);
  }
  return { wrong, rest };
}

function message(
  field: keyof Draft,
  keyword: string,
  params: Partial<Record<string, unknown>>,
  path: string,
  draft: Draft,
): string {
  const limit = typeof params.limit === 'number' ? params.limit : 0;
  const shown = (limit / (numberPlace(field)?.times ?? 1)).toLocaleString('en', { maximumFractionDigits: 3 });
  const command = field === 'verify' ? lines(draft.verify)[Number(path.split('.')[1])] : undefined;
  switch (keyword) {
    case 'required':
    case 'minLength':
      return REQUIRED[field] ?? 'This is needed.';
    case 'maxLength':
      return command === undefined
        ? `This is too long; ${limit.toLocaleString('en')} characters are the most.`
        : `This command is too long; ${limit.toLocaleString('en')} characters are the most: ${command.slice(0, 40)}…`;
    case 'maxItems':
      return `These are too many; ${limit} are the most.`;
    case 'minimum':
      return `This must be at least ${shown}.`;
    case 'maximum':
      return `This can be at most ${shown}.`;
    case 'type':
      return params.type === 'integer' && numberPlace(field)?.times === 1
        ? 'This must be a whole number.'
        : 'This must be a number.';
    case 'pattern':
      return 'This has characters that are not possible here.';
    default:
      return 'This is not possible here.';
  }
}

const REQUIRED: Wrong = {
  goal: 'Say what should be achieved.',
  repo_url: 'Say which repository to work on.',
};

/** As the schema's rule for branch names has it, which is no part of what the validator checks. */
function isBranch(name: string): boolean {
  return !/\.\.|\/\/|[/.]$|\.lock$/.test(name);
}

function sentence(said: string): string {
  const text = `${said.slice(0, 1).toUpperCase()}${said.slice(1)}`;
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
