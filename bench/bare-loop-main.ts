/** The least that an agent can be: the SDK, a list of messages, a shell for each command. No log, no sandbox, no limits. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { serve, tell } from './child.ts';
import { goalOf, type Workload } from './workload.ts';

type Message = OpenAI.Chat.Completions.ChatCompletionMessageParam;

const SYSTEM = 'You are a programmer. Reach the goal with the tools you have.';
const TOOLS: OpenAI.Chat.Completions.ChatCompletionTool[] = [
  {
    type: 'function',
    function: {
      name: 'bash',
      description: 'Run a shell command and get its output.',
      parameters: { type: 'object', required: ['command'], properties: { command: { type: 'string' } } },
    },
  },
];

const run = promisify(execFile);
const client = new OpenAI({ apiKey: 'none', baseURL: process.argv[2] ?? '', maxRetries: 0 });

serve({
  /** Runs all workloads at the same time, each to its end. */
  run: async (workloads: Workload[]) => {
    await Promise.all(workloads.map(loop));
  },
});
tell('ready', {});

async function loop(workload: Workload): Promise<void> {
  const messages: Message[] = [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: goalOf(workload) },
  ];
  for (;;) {
    const stream = await client.chat.completions.create({
      model: 'scripted',
      messages,
      tools: TOOLS,
      stream: true,
      stream_options: { include_usage: true },
    });
    let [id, name, args] = ['', '', ''];
    for await (const chunk of stream) {
      const call = chunk.choices[0]?.delta.tool_calls?.[0];
      id += call?.id ?? '';
      name += call?.function?.name ?? '';
      args += call?.function?.arguments ?? '';
    }
    if (name !== 'bash') return;
    messages.push({
      role: 'assistant',
      content: null,
      tool_calls: [{ id, type: 'function', function: { name, arguments: args } }],
    });
    const { command }: { command: string } = JSON.parse(args);
    const { stdout } = await run('sh', ['-c', command]);
    messages.push({ role: 'tool', tool_call_id: id, content: stdout });
  }
}
