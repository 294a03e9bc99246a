/** Tables and numbers for a terminal. */

/** A table whose first column is text and whose others are right-aligned. */
export function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headers, ...rows];
  const widths = headers.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `  ${widths.map((width, column) => (column === 0 ? (row[column] ?? '').padEnd(width) : (row[column] ?? '').padStart(width))).join('  ')}`.trimEnd();
  const rule = `  ${widths.map((width) => '─'.repeat(width)).join('  ')}`;
  return [line(headers), rule, ...rows.map(line)].join('\n');
}

export function ms(value: number): string {
  if (Number.isNaN(value)) return '–';
  return value < 100 ? value.toFixed(value < 1 ? 2 : 1) : String(Math.round(value));
}

export function ratio(ours: number, bare: number): string {
  return Number.isFinite(ours / bare) ? `${(ours / bare).toFixed(1)}×` : '–';
}

export function mb(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(0);
}

/** Whether a value keeps to the most it may be. */
export function verdict(value: number, most: number): string {
  return value <= most ? 'met' : 'MISSED';
}
