/** Resizing planes of numbers as OpenCV's INTER_AREA and INTER_LINEAR do, row by row. */

/**
 * @typedef {object} Taps
 * @property {Int32Array} first of each new sample: the first old one it is mixed from
 * @property {Float32Array[]} weights of each new sample: in which parts
 */

/**
 * Means over a sample's area when an axis shrinks, else linear between the centres of samples.
 * @param {number} length
 * @param {number} newLength
 * @returns {Taps}
 */
export function taps(length, newLength) {
  const scale = length / newLength;
  const first = new Int32Array(newLength);
  const weights = [];
  for (let index = 0; index < newLength; index += 1) {
    weights.push(scale > 1 ? areaTap(first, index, scale, length) : linearTap(first, index, scale, length));
  }
  return { first, weights };
}

/**
 * @param {Int32Array} first
 * @param {number} index
 * @param {number} scale
 * @param {number} length
 */
function areaTap(first, index, scale, length) {
  const start = index * scale;
  const end = Math.min((index + 1) * scale, length);
  first[index] = Math.floor(start);
  const parts = [];
  for (let old = first[index]; old < end; old += 1) {
    parts.push((Math.min(old + 1, end) - Math.max(old, start)) / (end - start));
  }
  return Float32Array.from(parts);
}

/**
 * @param {Int32Array} first
 * @param {number} index
 * @param {number} scale
 * @param {number} length
 */
function linearTap(first, index, scale, length) {
  const center = Math.min(Math.max((index + 0.5) * scale - 0.5, 0), length - 1);
  first[index] = Math.min(Math.floor(center), Math.max(length - 2, 0));
  const part = center - first[index];
  return part ? Float32Array.of(1 - part, part) : Float32Array.of(1);
}

/** Resizes a plane that is given row by row; it never holds the large one. */
export class Resizer {
  /**
   * @param {number} height
   * @param {number} width
   * @param {number} newHeight
   * @param {number} newWidth
   */
  constructor(height, width, newHeight, newWidth) {
    this.width = width;
    this.newWidth = newWidth;
    this.columns = taps(width, newWidth);
    this.lines = taps(height, newHeight);
    this.result = new Float32Array(newHeight * newWidth);
    this.narrow = new Float32Array(newWidth);
    this.row = 0;
    this.unfinished = 0; // the first line of the result that may need further rows
  }

  /**
   * Take further rows.
   * @param {Float32Array} rows
   */
  push(rows) {
    for (let at = 0; at < rows.length; at += this.width) {
      this.narrowRow(rows.subarray(at, at + this.width));
      this.addRow();
      this.row += 1;
    }
  }

  /** @param {Float32Array} row */
  narrowRow(row) {
    const { first, weights } = this.columns;
    for (let column = 0; column < this.newWidth; column += 1) {
      const parts = weights[column];
      let sum = 0;
      for (let tap = 0, at = first[column]; tap < parts.length; tap += 1, at += 1) sum += parts[tap] * row[at];
      this.narrow[column] = sum;
    }
  }

  addRow() {
    const { first, weights } = this.lines;
    while (this.unfinished < first.length && first[this.unfinished] + weights[this.unfinished].length <= this.row) {
      this.unfinished += 1;
    }
    for (let line = this.unfinished; line < first.length && first[line] <= this.row; line += 1) {
      const part = weights[line][this.row - first[line]] ?? 0;
      const start = line * this.newWidth;
      for (let column = 0; column < this.newWidth; column += 1) {
        this.result[start + column] += part * this.narrow[column];
      }
    }
  }
}
