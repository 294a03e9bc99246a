/** Reads values of unknown shape from the server's answers. What is missing or of another type becomes the default given. */

export type Fields = Readonly<Partial<Record<string, unknown>>>;

/** The fields of an object; none when it is none. */
export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

export function text(value: unknown): string | null;
export function text(value: unknown, otherwise: string): string;
export function text(value: unknown, otherwise: string | null = null): string | null {
  return typeof value === 'string' ? value : otherwise;
}

export function number(value: unknown): number | null;
export function number(value: unknown, otherwise: number): number;
export function number(value: unknown, otherwise: number | null = null): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}

export function flag(value: unknown, otherwise = false): boolean {
  return typeof value === 'boolean' ? value : otherwise;
}

/** One of the words given, else `otherwise`. */
export function oneOf<T extends string, U>(value: unknown, words: readonly T[], otherwise: U): T | U {
  return words.find((word) => word === value) ?? otherwise;
}

export function list<T>(value: unknown, read: (item: unknown) => T): T[] {
  return Array.isArray(value) ? value.map((item: unknown) => read(item)) : [];
}

export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** An object read by `read`, null when there is none. */
export function maybe<T>(value: unknown, read: (given: Fields) => T): T | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? read({ ...value }) : null;
}
