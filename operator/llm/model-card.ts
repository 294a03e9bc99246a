/** What a server tells of a model without having it say anything. */

export type ModelCard = {
  /** Whether the model calls tools, where the server tells. */
  toolCalling?: boolean;
  /** Tokens that the model takes in one call, where the server tells. */
  contextWindow?: number;
};

/** Fields in which compatible servers say how large the context is; OpenAI's own API has none of them. */
const WINDOWS = ['context_length', 'context_window', 'max_context_length', 'max_model_len', 'n_ctx'];
/** More is no window but a way to say that there is no end. */
const MOST_TOKENS = 100_000_000;

/** The card of one entry in a compatible server's list of models, whatever else is in it. */
export function cardOfEntry(entry: unknown): ModelCard {
  const meta = field(entry, 'meta');
  const found = [entry, field(entry, 'top_provider'), meta].flatMap((place) => WINDOWS.map((name) => tokens(field(place, name))));
  return windowOf(found.find((one) => one !== undefined));
}

/** A card's window, when the number is one. */
export function windowOf(value: unknown): ModelCard {
  const contextWindow = tokens(value);
  return contextWindow === undefined ? {} : { contextWindow };
}

function tokens(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= MOST_TOKENS ? value : undefined;
}

/** A field of what came as JSON; undefined when there is none. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
