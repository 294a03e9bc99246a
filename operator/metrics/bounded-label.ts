/** Label values that come from outside, held to a number that a time series database bears. */

/** In the place of every value beyond the first ones. */
const OTHER = 'other';

/** Lets the first `most` different values through and makes `other` of all further ones. */
export function boundedLabel(most: number): (value: string) => string {
  const seen = new Set<string>();
  return (value) => {
    if (seen.has(value)) return value;
    if (seen.size >= most) return OTHER;
    seen.add(value);
    return value;
  };
}
