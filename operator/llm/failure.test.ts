import { describe, expect, it } from '@jest/globals';
import { type Failure, refusedParameter, retryAfter, verdictOf } from './failure.ts';

const NOW = Date.UTC(2026, 10, 21, 12);

function failure(parts: Partial<Omit<Failure, 'header'>> & { headers?: Record<string, string> } = {}): Failure {
  const { headers = {}, ...rest } = parts;
  return {
    status: 400,
    code: '',
    type: '',
    param: '',
    message: '',
    shown: '',
    body: undefined,
    header: (name) => headers[name],
    ...rest,
  };
}

describe('what a failed call means', () => {
  it.each([
    ['Input is too long for requested model.', 400],
    ['prompt is too long: 200001 tokens > 199999 maximum', 400],
    ["This model's maximum prompt length is 131072 but the request contains 537812 tokens.", 400],
    ['The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).', 400],
    ['Please reduce the length of the messages or completion.', 400],
    ['`inputs` tokens + `max_new_tokens` must be <= 4097', 422],
    [
      'Trying to keep the first 9000 tokens when context the overflows. However, the number of tokens to keep from the initial prompt is greater than the context length',
      400,
    ],
    ['too many tokens: total number of tokens in the prompt exceeds the limit of 4081', 400],
  ])('overflow: %s', (message, status) => {
    expect(verdictOf(failure({ message, status }), NOW).class).toBe('overflow');
  });

  it.each([
    [
      'Rate limit reached for gpt-4.1 on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 2s.',
      'transient',
    ],
    ["This request would exceed your organization's rate limit of 40,000 input tokens per minute.", 'transient'],
    ['You exceeded your current quota, please check your plan and billing details.', 'quota'],
    ['Your credit balance is too low: insufficient credits', 'quota'],
  ])('429 %s: %s', (message, cls) => {
    expect(verdictOf(failure({ message, status: 429 }), NOW).class).toBe(cls);
  });

  it('takes the words of a used-up quota for a passing limit when they come with a time to come back', () => {
    const body = { details: [{ '@type': 'RetryInfo', retryDelay: '34s' }] };
    const verdict = verdictOf(
      failure({ status: 429, message: 'You exceeded your current quota, please check your plan.', body }),
      NOW,
    );
    expect(verdict).toEqual({ class: 'transient', retryAfterMs: 34_000 });
  });

  it('takes words about models and keys in a server fault for what they are', () => {
    expect(verdictOf(failure({ status: 503, message: 'authentication backend unavailable' }), NOW).class).toBe('transient');
  });

  it('takes an item that the server does not have for a fault of the request, not of the address', () => {
    expect(verdictOf(failure({ status: 404, message: "Item with id 'rs_1' not found." }), NOW).class).toBe('invalid');
  });

  it.each([
    ['a bare error in a stream', { status: undefined }, 'transient'],
    ['an invalid request in a stream', { status: undefined, type: 'invalid_request_error' }, 'invalid'],
    ['a rate limit in a stream', { status: undefined, type: 'invalid_request_error', code: 'rate_limit_exceeded' }, 'transient'],
    ['a policy', { status: undefined, code: 'cyber_policy' }, 'refusal'],
  ])('%s', (_, parts, cls) => {
    expect(verdictOf(failure(parts), NOW).class).toBe(cls);
  });
});

describe('how long to wait', () => {
  it.each([
    [{ 'retry-after-ms': '250' }, '', 250],
    [{ 'retry-after': '2.5' }, '', 2_500],
    [{ 'retry-after': 'Sat, 21 Nov 2026 12:00:30 GMT' }, '', 30_000],
    [{ 'retry-after': 'Sat, 21 Nov 2026 11:00:00 GMT' }, '', 0],
    [{}, 'Please try again in 6m0s.', 360_000],
    [{}, 'Please try again in 1.898s.', 1_898],
    [{}, 'Please try again in 20ms.', 20],
    [{}, 'Please retry after 30 seconds.', 30_000],
    [{ 'x-ratelimit-reset-requests': '1s', 'x-ratelimit-reset-tokens': '1m30s' }, '', 90_000],
    [{ 'x-ratelimit-reset': '30' }, '', 30_000],
    [{ 'x-ratelimit-reset': String(NOW / 1_000 + 45) }, '', 45_000],
    [{ 'x-ratelimit-reset': String(NOW + 45_000) }, '', 45_000],
    [{ 'retry-after': 'soon' }, '', undefined],
    [{}, 'No idea.', undefined],
  ])('%j %s', (headers, message, ms) => {
    expect(retryAfter(failure({ headers, message }), NOW)).toBe(ms);
  });
});

describe('which parameter a server refuses', () => {
  const names = ['max_completion_tokens', 'max_tokens', 'temperature', 'reasoning.effort', 'reasoning_content', 'stream_options'];
  it.each([
    [
      {
        param: 'temperature',
        code: 'unsupported_value',
        message:
          "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
      },
      'temperature',
    ],
    [
      {
        param: 'max_tokens',
        code: 'unsupported_parameter',
        message: "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      },
      'max_tokens',
    ],
    [{ message: 'max_tokens is not supported, use max_completion_tokens' }, 'max_tokens'],
    [
      {
        status: 422,
        message: '[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]',
      },
      'stream_options',
    ],
    [{ message: 'messages[2].reasoning_content: unknown field' }, 'reasoning_content'],
    [
      {
        param: 'reasoning.effort',
        code: 'unsupported_parameter',
        message: "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
      },
      'reasoning.effort',
    ],
  ])('%j', (parts, name) => {
    expect(refusedParameter(failure(parts), names)).toBe(name);
  });

  it.each([
    ['a value out of range', { param: 'temperature', message: 'temperature must be between 0 and 2' }],
    [
      'a level of effort the model does not have',
      {
        param: 'reasoning.effort',
        code: 'unsupported_value',
        message: "Unsupported value: 'minimal' is not supported with this model.",
      },
    ],
    ['a server fault', { status: 500, message: 'unsupported temperature' }],
  ])('is none for %s', (_, parts) => {
    expect(refusedParameter(failure(parts), names)).toBeUndefined();
  });
});
