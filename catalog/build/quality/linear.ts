/** Small dense linear algebra: symmetric positive definite systems of a dozen unknowns, many times. */
export type Matrix = Float64Array[];

export function matrix(rows: number, columns: number, value = 0): Matrix {
  return Array.from({ length: rows }, () => new Float64Array(columns).fill(value));
}

/** Inverse of a symmetric positive definite matrix, by Gauss-Jordan without pivoting. */
export function inverse(source: Matrix): Matrix {
  const size = source.length;
  const left = source.map((row) => Float64Array.from(row));
  const right = matrix(size, size);
  for (let index = 0; index < size; index++) at(right, index)[index] = 1;
  for (let pivot = 0; pivot < size; pivot++) {
    const scale = 1 / (at(left, pivot)[pivot] ?? 1);
    for (let column = 0; column < size; column++) {
      at(left, pivot)[column] = (at(left, pivot)[column] ?? 0) * scale;
      at(right, pivot)[column] = (at(right, pivot)[column] ?? 0) * scale;
    }
    for (let row = 0; row < size; row++) {
      const factor = row === pivot ? 0 : (at(left, row)[pivot] ?? 0);
      if (factor === 0) continue;
      for (let column = 0; column < size; column++) {
        at(left, row)[column] = (at(left, row)[column] ?? 0) - factor * (at(left, pivot)[column] ?? 0);
        at(right, row)[column] = (at(right, row)[column] ?? 0) - factor * (at(right, pivot)[column] ?? 0);
      }
    }
  }
  return right;
}

export function at(source: Matrix, row: number): Float64Array {
  const found = source[row];
  if (found === undefined) throw new RangeError(`row ${row} of ${source.length}`);
  return found;
}

export function times(source: Matrix, vector: ArrayLike<number>): Float64Array {
  return Float64Array.from(source, (row) => row.reduce((sum, value, column) => sum + value * (vector[column] ?? 0), 0));
}
