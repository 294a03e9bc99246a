/** Which lines two short blocks have in common. */

/**
 * For every line of `after` the index of the line of `before` that it is, or -1 for a line that is new: a longest common
 * subsequence. Blocks whose product of lengths is above `LARGE` are compared at their ends only.
 */
export function commonLines(before: readonly string[], after: readonly string[]): number[] {
  const result = new Array<number>(after.length).fill(-1);
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) {
    result[start] = start;
    start++;
  }
  let endBefore = before.length;
  let endAfter = after.length;
  while (endBefore > start && endAfter > start && before[endBefore - 1] === after[endAfter - 1]) {
    endBefore--;
    endAfter--;
    result[endAfter] = endBefore;
  }
  const rows = endBefore - start;
  const columns = endAfter - start;
  if (rows * columns === 0 || rows * columns > LARGE) return result;
  const width = columns + 1;
  // length[r * width + c]: lines in common of before[start + r ..] and after[start + c ..]
  const length = new Uint32Array((rows + 1) * width);
  const at = (row: number, column: number) => length[row * width + column] ?? 0;
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      length[row * width + column] =
        before[start + row] === after[start + column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  let row = 0;
  let column = 0;
  while (row < rows && column < columns) {
    if (before[start + row] === after[start + column]) result[start + column++] = start + row++;
    else if (at(row + 1, column) >= at(row, column + 1)) row++;
    else column++;
  }
  return result;
}

const LARGE = 1_000_000;
