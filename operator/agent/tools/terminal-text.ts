/** What a person would see of a program's output on a screen, without what only moves the cursor or sets colours. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are made of control characters
const ESCAPES = /\u001B(?:\[[0-?]{0,50}[ -/]*[@-~]|[\]PX^_][^\u0007\u001B\n]{0,500}(?:\u0007|\u001B\\)|[ -/]?[0-Z\\^-~])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to drop
const CONTROLS = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]/g;

/** Escape sequences and other control characters removed; of a line that was redrawn with carriage returns the last state stays. */
export function screenText(output: string): string {
  const text = output.includes('\u001B') ? output.replace(ESCAPES, '') : output;
  const drawn = text.includes('\r') ? text.split('\n').map(lastDrawn).join('\n') : text;
  return drawn.replace(CONTROLS, '');
}

function lastDrawn(line: string): string {
  const states = line.split('\r').filter((state) => state !== '');
  return states.at(-1) ?? '';
}
