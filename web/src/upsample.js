/** Enlarging the network's small ab to the size of the photograph: what `infer/upsample.py` does. */

/**
 * @typedef {object} Small what the network saw and gave
 * @property {number} height
 * @property {number} width
 * @property {Float32Array} lightness CIE L*, `height * width`
 * @property {Float32Array} ab CIE a* and then b*, `2 * height * width`
 */

/** Gives CIE a*, b* of a photograph in strips of rows, linear between the centres of small pixels. */
export class Upsampler {
  /**
   * @param {Pick<Small, "height" | "width" | "ab">} small
   * @param {number} height of the photograph
   * @param {number} width of the photograph
   */
  constructor(small, height, width) {
    this.small = small;
    this.width = width;
    this.lines = linear(small.height, height);
    this.columns = linear(small.width, width);
    this.mixed = new Float32Array(2 * small.width);
  }

  /**
   * @param {number} start the first row's number
   * @param {number} count of rows
   * @returns {Float32Array} CIE a*, b*, two a pixel
   */
  rows(start, count) {
    const ab = new Float32Array(2 * count * this.width);
    for (let row = 0; row < count; row += 1) {
      this.mixLine(start + row);
      this.fillRow(ab, 2 * row * this.width);
    }
    return ab;
  }

  /**
   * Mix the line of small pixels that is level with a row: a* and then b*.
   * @param {number} row
   */
  mixLine(row) {
    const { height, width, ab } = this.small;
    const part = this.lines.part[row];
    for (let channel = 0; channel < 2; channel += 1) {
      const above = (channel * height + this.lines.first[row]) * width;
      const below = (channel * height + this.lines.second[row]) * width;
      for (let at = 0; at < width; at += 1) {
        this.mixed[channel * width + at] = ab[above + at] + part * (ab[below + at] - ab[above + at]);
      }
    }
  }

  /**
   * @param {Float32Array} ab
   * @param {number} offset of the row's first value
   */
  fillRow(ab, offset) {
    const { mixed, columns } = this;
    for (let column = 0; column < this.width; column += 1) {
      for (let channel = 0; channel < 2; channel += 1) {
        const left = mixed[channel * this.small.width + columns.first[column]];
        const right = mixed[channel * this.small.width + columns.second[column]];
        ab[offset + 2 * column + channel] = left + columns.part[column] * (right - left);
      }
    }
  }
}

/**
 * Which two samples each new one lies between, and how far from the first: `taps` of an axis that grows.
 * @param {number} length
 * @param {number} newLength
 */
function linear(length, newLength) {
  const first = new Int32Array(newLength);
  const second = new Int32Array(newLength);
  const part = new Float32Array(newLength);
  for (let index = 0; index < newLength; index += 1) {
    const center = Math.min(Math.max(((index + 0.5) * length) / newLength - 0.5, 0), length - 1);
    first[index] = Math.floor(center);
    second[index] = Math.min(first[index] + 1, length - 1);
    part[index] = center - first[index];
  }
  return { first, second, part };
}
