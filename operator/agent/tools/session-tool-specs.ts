/** What the model reads about the tools by which a role acts on its session. */
import type { PlanStep } from '../../engine/event-parts.ts';
import type { ToolSpec } from '../../llm/provider.ts';

/** Bounds of the status (crds/agentsession.yaml) and, where it has none, of what is sensible to read. */
export const LIMITS = {
  planTitle: 256,
  steps: 30,
  stepId: 63,
  stepTitle: 200,
  stepDetails: 8_000,
  checks: 16,
  check: 2048,
  question: 2048,
  findings: 6,
  findingFile: 1024,
  findingProblem: 4_000,
  summary: 16_000,
} as const;

export const STATUSES = ['pending', 'in_progress', 'completed', 'skipped'] as const satisfies readonly PlanStep['status'][];

export const SUBMIT_PLAN: ToolSpec = {
  name: 'submit_plan',
  description:
    'Submit the plan and end planning. Call it once you have read the code that the goal touches and know what to change and where. The programmer sees the plan and nothing else of what you found, so put in what it needs. Each step is one piece of work that can be checked. In a revised plan, keep the ids and titles of the steps that stay the same.',
  parameters: {
    type: 'object',
    required: ['title', 'steps'],
    properties: {
      title: {
        type: 'string',
        description: 'The plan in one line of at most 70 characters; it becomes the subject of the commit.',
      },
      steps: {
        type: 'array',
        description: `The steps in order; usually 2 to 7, at most ${LIMITS.steps}.`,
        items: {
          type: 'object',
          required: ['id', 'title'],
          properties: {
            id: { type: 'string', description: 'Short and unique within the plan, for instance "1".' },
            title: { type: 'string', description: `What to do, in one line of at most ${LIMITS.stepTitle} characters.` },
            details: {
              type: 'string',
              description:
                'What the programmer needs to know: files and functions, the cause you found, the approach, edge cases, how to tell that it works. What you assumed, and what was asked for and is not planned, on lines that begin with "Assumed:" and "Left out:".',
            },
          },
        },
      },
      checks: {
        type: 'array',
        items: { type: 'string' },
        description:
          'Commands that prove the goal is met. The platform runs them in the repository root when the work is done, each in a fresh shell; exit code 0 is success. The whole test suite where it passes today, else the parts that do; they must include the tests that the plan adds. Name only commands that you have run here.',
      },
    },
  },
};

export const UPDATE_PLAN: ToolSpec = {
  name: 'update_plan',
  description:
    'Record progress on the plan. Set a step to in_progress when you start it, to completed once you have seen it work (not beside a call that could still show the opposite), or to skipped if it turns out to be unnecessary. Give only the steps whose status changes; several at once are fine, also beside other tools and, the last ones, right before finish in one answer.',
  parameters: {
    type: 'object',
    required: ['steps'],
    properties: {
      steps: {
        type: 'array',
        description: 'The steps whose status changes.',
        items: {
          type: 'object',
          required: ['id', 'status'],
          properties: {
            id: { type: 'string', description: 'Id of a step in the plan.' },
            status: { type: 'string', enum: [...STATUSES] },
          },
        },
      },
    },
  },
};

export const FINISH: ToolSpec = {
  name: 'finish',
  description:
    'End your work. Call it when every step of the plan is marked as completed or skipped (mark the last ones with update_plan in the same answer, before it), the tests you touched pass, and no temporary files are left in the repository. The platform then runs the checks, and a reviewer reads the diff.',
  parameters: {
    type: 'object',
    required: ['summary'],
    properties: {
      summary: {
        type: 'string',
        description:
          'In a few sentences, as in a commit message: what you changed and why, how you verified it (commands and results), and what is uncertain or left out.',
      },
    },
  },
};

export const SUBMIT_REVIEW: ToolSpec = {
  name: 'submit_review',
  description: `Submit your verdict and end the review. approve: the goal is met and nothing has to change. request_changes: with what has to be fixed, at most ${LIMITS.findings} findings, the most serious first. Matters of taste are not findings.`,
  parameters: {
    type: 'object',
    required: ['verdict', 'findings'],
    properties: {
      verdict: { type: 'string', enum: ['approve', 'request_changes'], description: 'Whether the work is accepted as it is.' },
      findings: {
        type: 'array',
        description: 'What has to be fixed; empty when you approve.',
        items: {
          type: 'object',
          required: ['file', 'problem'],
          properties: {
            file: { type: 'string', description: 'Path relative to the repository root.' },
            line: { type: 'integer', description: 'Line in the file as it is now.' },
            problem: {
              type: 'string',
              description: 'What goes wrong, for which input or in which situation, and what would be right.',
            },
          },
        },
      },
      summary: { type: 'string', description: 'A few sentences: what you checked and what decided the verdict.' },
    },
  },
};

export const ASK_USER: ToolSpec = {
  name: 'ask_user',
  description:
    'Ask the user a question and wait for the answer, which may take hours. Use it only when the repository does not hold the answer and a wrong guess would waste the work; otherwise choose the most sensible reading and say so in your plan or summary. Ask everything in one call.',
  parameters: {
    type: 'object',
    required: ['question'],
    properties: {
      question: {
        type: 'string',
        description: `The question, the choices you see, and which one you would take; at most ${LIMITS.question} characters.`,
      },
    },
  },
};

const SESSION_TOOLS: ReadonlySet<string> = new Set(
  [SUBMIT_PLAN, UPDATE_PLAN, FINISH, SUBMIT_REVIEW, ASK_USER].map(({ name }) => name),
);

export function isSessionTool(name: string): boolean {
  return SESSION_TOOLS.has(name);
}
