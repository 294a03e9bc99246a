import { describe, expect, it } from '@jest/globals';
import { parseArguments, signature } from './arguments.ts';
import { toolsFor } from './catalog.ts';

const tools = toolsFor('programmer', 'gpt-5');
const parse = (name: string, raw: string) => parseArguments(name, raw, tools);

describe('reading the arguments of a call', () => {
  it.each<[string, string, string, Record<string, unknown>]>([
    ['plain JSON', 'bash', '{"command":"ls"}', { command: 'ls' }],
    ['an empty string for a tool that needs nothing', 'list_files', '', {}],
    ['a code fence', 'bash', '```json\n{"command":"ls"}\n```', { command: 'ls' }],
    ['trailing commas', 'bash', '{"command":"echo ,}",}', { command: 'echo ,}' }],
    ['raw line breaks and tabs in strings', 'bash', '{"command":"a\n\tb"}', { command: 'a\n\tb' }],
    ['backslashes that JSON does not know', 'search', '{"pattern":"\\d+\\.\\w \\"x\\""}', { pattern: '\\d+\\.\\w "x"' }],
    ['escaped single quotes', 'bash', `{"command":"echo \\'a\\'"}`, { command: "echo 'a'" }],
    ['JSON in a string', 'bash', '"{\\"command\\":\\"ls\\"}"', { command: 'ls' }],
    ['the only needed argument alone', 'bash', '"ls -la"', { command: 'ls -la' }],
    ['a bare patch', 'apply_patch', '*** Begin Patch\n*** End Patch', { patch: '*** Begin Patch\n*** End Patch' }],
    ['numbers and truth values as strings', 'read_file', '{"path":"a","start_line":"12"}', { path: 'a', start_line: 12 }],
    [
      'truth values as strings',
      'edit_file',
      '{"path":"a","old_string":"b","new_string":"c","replace_all":"true"}',
      { path: 'a', old_string: 'b', new_string: 'c', replace_all: true },
    ],
    ['null for what may be left out', 'search', '{"pattern":"x","path":null,"glob":null}', { pattern: 'x' }],
    [
      'names that other agents use',
      'edit_file',
      '{"file_path":"a","old_str":"b","new_str":"c"}',
      { path: 'a', old_string: 'b', new_string: 'c' },
    ],
    ['remarks that nobody asked for', 'bash', '{"command":"ls","description":"List"}', { command: 'ls' }],
    ['a command as a list for a shell', 'bash', '{"command":["bash","-lc","cd x && ls"]}', { command: 'cd x && ls' }],
    ['a command as a list of words', 'bash', '{"command":["echo","two words"]}', { command: "echo 'two words'" }],
    ['session tools without looking closer', 'finish', '{"summary":3,"x":1}', { summary: 3, x: 1 }],
  ])('takes %s', (_, name, raw, args) => {
    expect(parse(name, raw)).toEqual({ args });
  });

  it.each<[string, string, string, string[]]>([
    [
      'an unknown tool',
      'str_replace',
      '{}',
      [
        'There is no tool "str_replace"',
        'bash, read_file, search, list_files, edit_file, write_file, apply_patch, update_plan, finish, ask_user',
      ],
    ],
    [
      'arguments that were cut off',
      'write_file',
      '{"path":"a","content":"abc',
      ['cut off', 'make the call smaller', 'write_file {path: string, content: string}'],
    ],
    [
      'broken JSON',
      'bash',
      '{"command": ls -la}',
      ['character 13', 'and "ls -la}"', 'bash {command: string, timeout_seconds?: integer}'],
    ],
    ['a list', 'bash', '[1]', ['must be a JSON object, not a list']],
    [
      'a missing argument',
      'edit_file',
      '{"path":"a","old_string":"b"}',
      ['"new_string" is missing', 'edit_file {path: string, old_string: string, new_string: string, replace_all?: boolean}'],
    ],
    [
      'an unknown argument',
      'bash',
      '{"command":"ls","cwd":"x"}',
      ['there is no argument "cwd" (it takes command, timeout_seconds)'],
    ],
    ['a wrong type', 'read_file', '{"path":"a","start_line":"top"}', ['"start_line" must be an integer, not "top"']],
    ['an object for text', 'write_file', '{"path":"a.json","content":{"b":1}}', ['"content" must be a string, not an object']],
    ['null for what is needed', 'write_file', '{"path":"a","content":null}', ['"content" is null']],
  ])('refuses %s in words that help', (_, name, raw, words) => {
    const parsed = parse(name, raw);
    const error = 'error' in parsed ? parsed.error : JSON.stringify(parsed);
    for (const word of words) expect(error).toContain(word);
  });

  it('tells a role only of its own tools', () => {
    const parsed = parseArguments('write_file', '{}', toolsFor('planner', 'gpt-5'));
    expect(parsed).toEqual({
      error: 'There is no tool "write_file" for you here. You have: bash, read_file, search, list_files, submit_plan, ask_user.',
    });
  });

  it('shows how a tool is called in one line', () => {
    const spec = toolsFor('planner', 'gpt-5').specs.find(({ name }) => name === 'submit_plan') ?? {
      name: '',
      description: '',
      parameters: {},
    };
    expect(signature(spec)).toBe('submit_plan {title: string, steps: array, checks?: array}');
  });
});
