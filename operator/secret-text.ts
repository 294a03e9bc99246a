import { inspect } from 'node:util';

const HIDDEN = '***';

/** A secret that shows itself only to who asks for it: printed, inspected or made JSON it is `***`. */
export class SecretText {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}
