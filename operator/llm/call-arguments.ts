/** Arguments of past calls for APIs that take nothing but an object. */

/** The object that a model wrote; what is no object is wrapped, so that the model still sees what it wrote. */
export function argumentsObject(written: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(written);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Falls through: what the model wrote is no JSON.
  }
  return { malformed_arguments: written };
}
