/**
 * The stand-in for a model in the demonstration. It knows the sample repository and looks at the conversation only far
 * enough to tell where it is; everything else in the demonstration is the real thing.
 */
import type { ModelReply, SeenRequest } from '../../test/support/model-server.ts';

const FIXED = `/** The sum of a receipt's lines, in cents. A line is {price, quantity, discountPercent?}. */
export function total(lines) {
  return lines.reduce((sum, line) => sum + lineTotal(line), 0);
}

/** Discounts are rounded to the cent, in the customer's favour. */
function lineTotal({ price, quantity, discountPercent = 0 }) {
  const full = price * quantity;
  return full - Math.ceil((full * discountPercent) / 100);
}
`;

const ROUNDING_TEST = `
test('rounds a discount to the cent in favour of the customer', () => {
  assert.equal(total([{ price: 99, quantity: 1, discountPercent: 50 }]), 49);
});
`;

const README_OLD = 'Adds up the lines of a receipt.';
const README_NEW = `Adds up the lines of a receipt. Amounts are in cents; a line's discount is taken off all its pieces
and rounded to the cent in the customer's favour.`;

export type DemoModel = {
  answer(request: SeenRequest): ModelReply | Promise<ModelReply>;
  /** Resolves when the programmer is at work for the first time. */
  coding: Promise<void>;
  /** The programmer goes on only after this was called, so that a message is sure to arrive while it is coding. */
  release(): void;
};

export function demoModel(): DemoModel {
  const coding = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  return {
    coding: coding.promise,
    release: released.resolve,
    async answer(request) {
      const step = request.messages.filter((message) => message.role === 'assistant').length;
      const replanned =
        request.messages[0]?.text.includes('README') && request.messages[0].text.includes("The user's messages since");
      if (request.tools.includes('submit_plan')) return replanned ? replan(step) : plan(step);
      if (request.tools.includes('submit_review')) return review(step);
      if (replanned) return document(step);
      if (step === 1) {
        coding.resolve();
        await released.promise;
      }
      return mend(step);
    },
  };
}

function plan(step: number): ModelReply {
  const steps: ModelReply[] = [
    {
      text: 'First the code and its tests, and what fails today.',
      calls: [
        { name: 'read_file', args: { path: 'src/receipt.js' } },
        { name: 'read_file', args: { path: 'test/receipt.test.js' } },
        { name: 'bash', args: { command: 'node --test 2>&1 | tail -40' } },
      ],
    },
    {
      text: 'The discount is taken off once per line instead of once per piece.',
      calls: [
        {
          name: 'submit_plan',
          args: {
            title: 'Take a discount off every piece of a line',
            steps: [
              {
                id: 'total',
                title: 'Compute the discount from the whole line',
                details:
                  'src/receipt.js, total(): the discount uses line.price and ignores quantity. Amounts are cents: round, never return a fraction.',
              },
              { id: 'test', title: 'Cover rounding with a test', details: 'test/receipt.test.js: 99 cents at 50 % is 49.' },
            ],
            checks: ['node --test'],
          },
        },
      ],
    },
  ];
  return steps[step] ?? last(steps);
}

function replan(step: number): ModelReply {
  const steps: ModelReply[] = [
    { text: 'What the README says today.', calls: [{ name: 'read_file', args: { path: 'README.md' } }] },
    {
      calls: [
        {
          name: 'submit_plan',
          args: {
            title: 'Take a discount off every piece of a line',
            steps: [
              { id: 'total', title: 'Compute the discount from the whole line' },
              { id: 'test', title: 'Cover rounding with a test' },
              {
                id: 'readme',
                title: 'Say in the README how discounts work',
                details: 'README.md: all pieces of a line, rounded to the cent.',
              },
            ],
            checks: ['node --test'],
          },
        },
      ],
    },
  ];
  return steps[step] ?? last(steps);
}

function mend(step: number): ModelReply {
  const steps: ModelReply[] = [
    {
      text: 'The failing test first, to see it fail.',
      calls: [
        { name: 'update_plan', args: { steps: [{ id: 'total', status: 'in_progress' }] } },
        {
          name: 'bash',
          args: { command: 'node --test --test-name-pattern="every piece" 2>&1 | grep -E "actual|expected|^# fail"' },
        },
      ],
    },
    {
      text: 'It gives 2900 where 2700 is right: one piece of three got the discount.',
      calls: [
        { name: 'read_file', args: { path: 'src/receipt.js' } },
        { name: 'write_file', args: { path: 'src/receipt.js', content: FIXED } },
        { name: 'bash', args: { command: `cat >> test/receipt.test.js <<'TEST'\n${ROUNDING_TEST}TEST\nnode --test` } },
      ],
    },
    {
      calls: [
        {
          name: 'update_plan',
          args: {
            steps: [
              { id: 'total', status: 'completed' },
              { id: 'test', status: 'completed' },
            ],
          },
        },
        { name: 'bash', args: { command: 'git status --short && git diff --stat' } },
      ],
    },
    {
      calls: [
        {
          name: 'finish',
          args: {
            summary:
              'total() took the discount off one piece of a line only. It now computes the line first and rounds the discount to the cent in favour of the customer. The failing test passes, and a new one covers rounding.',
          },
        },
      ],
    },
  ];
  return steps[step] ?? last(steps);
}

function document(step: number): ModelReply {
  const steps: ModelReply[] = [
    {
      calls: [
        { name: 'update_plan', args: { steps: [{ id: 'readme', status: 'in_progress' }] } },
        { name: 'edit_file', args: { path: 'README.md', old_string: README_OLD, new_string: README_NEW } },
      ],
    },
    {
      calls: [
        { name: 'update_plan', args: { steps: [{ id: 'readme', status: 'completed' }] } },
        { name: 'bash', args: { command: 'node --test' } },
      ],
    },
    {
      calls: [
        {
          name: 'finish',
          args: {
            summary:
              'total() now takes a discount off every piece of a line and rounds it to the cent; a test covers the rounding, and the README says how discounts work.',
          },
        },
      ],
    },
  ];
  return steps[step] ?? last(steps);
}

function review(step: number): ModelReply {
  const steps: ModelReply[] = [
    {
      text: 'Edge cases of the new arithmetic.',
      calls: [
        {
          name: 'bash',
          args: {
            command: `node -e "import('./src/receipt.js').then(({ total }) => console.log(total([]), total([{ price: 1, quantity: 1, discountPercent: 100 }]), total([{ price: 5, quantity: 0 }])))"`,
          },
        },
      ],
    },
    {
      calls: [
        {
          name: 'submit_review',
          args: {
            verdict: 'approve',
            findings: [],
            summary: 'Does what was asked; empty lines, full discounts and quantity 0 are right.',
          },
        },
      ],
    },
  ];
  return steps[step] ?? last(steps);
}

function last(steps: ModelReply[]): ModelReply {
  return steps[steps.length - 1] ?? {};
}
