/** Calls to models, counted where they are made: by provider and model, never by session. */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { ModelMeter } from '../controller/model-directory.ts';
import { costOf, type Pricing } from '../llm/prices.ts';
import { ModelError, type ModelProvider } from '../llm/provider.ts';
import { boundedLabel } from './bounded-label.ts';

/** Different models that are told apart. Their names are users'. */
const MOST_MODELS = 100;

export class ModelMetrics implements ModelMeter {
  readonly #modelLabel = boundedLabel(MOST_MODELS);
  readonly #calls: Counter<'provider' | 'model' | 'outcome'>;
  readonly #durations: Histogram<'provider' | 'model'>;
  readonly #tokens: Counter<'provider' | 'model' | 'kind'>;
  readonly #cost: Counter<'provider' | 'model'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#calls = new Counter({
      name: 'swe_agent_model_calls_total',
      help: 'Calls to models by outcome: answered, interrupted, or the class of the error.',
      labelNames: ['provider', 'model', 'outcome'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'swe_agent_model_call_duration_seconds',
      help: 'Time from a request to the end of its answer; of calls that were answered.',
      labelNames: ['provider', 'model'],
      buckets: [0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320],
      registers,
    });
    this.#tokens = new Counter({
      name: 'swe_agent_model_tokens_total',
      help: 'Tokens by kind: input (sent and not cached), cached_input, output.',
      labelNames: ['provider', 'model', 'kind'],
      registers,
    });
    this.#cost = new Counter({
      name: 'swe_agent_model_cost_usd_total',
      help: 'What calls cost in US dollars; models whose prices are not known add nothing.',
      labelNames: ['provider', 'model'],
      registers,
    });
  }

  measured(of: { provider: string; model: string; pricing: Pricing | undefined }, provider: ModelProvider): ModelProvider {
    const labels = { provider: of.provider, model: this.#modelLabel(of.model) };
    return {
      call: async (request, options) => {
        const begin = performance.now();
        try {
          const answer = await provider.call(request, options);
          const { usage } = answer;
          this.#calls.inc({ ...labels, outcome: 'answered' });
          this.#durations.observe(labels, (performance.now() - begin) / 1000);
          const cached = Math.min(usage.cachedInputTokens, usage.inputTokens);
          this.#tokens.inc({ ...labels, kind: 'input' }, usage.inputTokens - cached);
          this.#tokens.inc({ ...labels, kind: 'cached_input' }, cached);
          this.#tokens.inc({ ...labels, kind: 'output' }, usage.outputTokens);
          this.#cost.inc(labels, costOf(usage, of.pricing) ?? 0);
          return answer;
        } catch (error) {
          this.#calls.inc({ ...labels, outcome: outcomeOf(error, options.signal) });
          throw error;
        }
      },
    };
  }
}

function outcomeOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'interrupted';
  return error instanceof ModelError ? error.class : 'error';
}
