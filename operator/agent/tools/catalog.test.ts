import { describe, expect, it } from '@jest/globals';
import { toolsFor, writesPatches } from './catalog.ts';

const names = (role: 'planner' | 'programmer' | 'reviewer', model = 'some-model') =>
  toolsFor(role, model).specs.map(({ name }) => name);

describe('the tools of each role', () => {
  it('let only the programmer write', () => {
    expect(names('planner')).toEqual(['bash', 'read_file', 'search', 'list_files', 'submit_plan', 'ask_user']);
    expect(names('reviewer')).toEqual(['bash', 'read_file', 'search', 'list_files', 'submit_review']);
    expect(names('programmer')).toEqual([
      'bash',
      'read_file',
      'search',
      'list_files',
      'edit_file',
      'write_file',
      'update_plan',
      'finish',
      'ask_user',
    ]);
    expect(names('programmer', 'gpt-5')).toContain('apply_patch');
  });

  it('are not had by a role that is not given them', () => {
    const planner = toolsFor('planner', 'gpt-5');
    expect(planner.isAllowed('write_file')).toBe(false);
    expect(planner.sandboxTool('write_file')).toBeUndefined();
    expect(planner.isAllowed('submit_plan')).toBe(true);
    expect(planner.sandboxTool('submit_plan')).toBeUndefined();
    expect(planner.sandboxTool('bash')?.effect).toBe('command');
    expect(toolsFor('programmer', 'claude').sandboxTool('apply_patch')).toBeUndefined();
  });

  it.each([
    ['gpt-5', true],
    ['gpt-4.1-mini', true],
    ['openai/gpt-4o', true],
    ['azure.gpt-5', true],
    ['o3', true],
    ['o4-mini', true],
    ['codex-mini', true],
    ['gpt-oss:20b', true],
    ['gemini-3-pro', false],
    ['claude-opus', false],
    ['qwen2.5-coder', false],
    ['llama-o', false],
  ])('take %s for a GPT model: %s', (model, expected) => {
    expect(writesPatches(model)).toBe(expected);
  });

  it('describe every argument, and are the same objects each time', () => {
    for (const role of ['planner', 'programmer', 'reviewer'] as const) {
      for (const { name, description, parameters } of toolsFor(role, 'gpt-5').specs) {
        expect([name, description.length > 40]).toEqual([name, true]);
        const described = Object.entries(parameters.properties ?? {}).map(([argument, schema]) => [
          argument,
          typeof schema.description,
        ]);
        expect(described).toEqual(described.map(([argument]) => [argument, 'string']));
      }
      expect(toolsFor(role, 'gpt-5')).toBe(toolsFor(role, 'gpt-4.1'));
    }
  });
});
