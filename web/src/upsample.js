/** Enlarging the network's small ab along the edges of the photograph's lightness: what `infer/upsample.py` does. */

import { taps } from "./resize.js";

const NOISE = 3; // variation of L*, and of ab, that tells nothing
const MAPS = 8; // slope of a* and of b*, their offsets, lows and highs

/**
 * @typedef {object} Small what the network saw and gave
 * @property {number} height
 * @property {number} width
 * @property {Float32Array} lightness CIE L*, `height * width`
 * @property {Float32Array} ab CIE a* and then b*, `2 * height * width`
 */

/** Gives CIE a*, b* of a photograph in strips of rows, from each row's own lightness. */
export class Upsampler {
  /**
   * @param {Small} small
   * @param {number} height of the photograph
   * @param {number} width of the photograph
   */
  constructor(small, height, width) {
    this.width = width;
    this.maps = height > small.height || width > small.width ? guidedMaps(small) : plainMaps(small);
    this.lines = linear(small.height, height);
    this.columns = linear(small.width, width);
    this.mixed = new Float32Array(MAPS * small.width);
  }

  /**
   * @param {number} start the first row's number
   * @param {Float32Array} lightness CIE L* of the rows
   * @returns {Float32Array} CIE a*, b*, two a pixel
   */
  rows(start, lightness) {
    const ab = new Float32Array(2 * lightness.length);
    for (let row = 0; row * this.width < lightness.length; row += 1) {
      this.mixLine(start + row);
      this.fillRow(lightness, ab, row * this.width);
    }
    return ab;
  }

  /**
   * Mix the line of small pixels that is level with a row.
   * @param {number} row
   */
  mixLine(row) {
    const { mixed, maps } = this;
    const above = this.lines.first[row] * mixed.length;
    const below = this.lines.second[row] * mixed.length;
    const part = this.lines.part[row];
    for (let at = 0; at < mixed.length; at += 1) {
      mixed[at] = maps[above + at] + part * (maps[below + at] - maps[above + at]);
    }
  }

  /**
   * @param {Float32Array} lightness
   * @param {Float32Array} ab
   * @param {number} offset of the row's first pixel
   */
  fillRow(lightness, ab, offset) {
    const { mixed, columns } = this;
    for (let column = 0; column < this.width; column += 1) {
      const left = columns.first[column] * MAPS;
      const right = columns.second[column] * MAPS;
      const part = columns.part[column];
      const own = lightness[offset + column];
      for (let channel = 0; channel < 2; channel += 1) {
        const from = left + channel;
        const to = right + channel;
        const slope = mixed[from] + part * (mixed[to] - mixed[from]);
        const shift = mixed[from + 2] + part * (mixed[to + 2] - mixed[from + 2]);
        const low = mixed[from + 4] + part * (mixed[to + 4] - mixed[from + 4]);
        const high = mixed[from + 6] + part * (mixed[to + 6] - mixed[from + 6]);
        ab[2 * (offset + column) + channel] = Math.min(Math.max(slope * own + shift, low), high);
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

/**
 * Maps of a photograph that is not enlarged: no slope, and no bounds other than the values.
 * @param {Small} small
 */
function plainMaps({ height, width, ab }) {
  const count = height * width;
  const maps = new Float32Array(MAPS * count);
  for (let at = 0; at < count; at += 1) {
    for (let channel = 0; channel < 2; channel += 1) {
      for (const map of [2, 4, 6]) maps[MAPS * at + map + channel] = ab[channel * count + at];
    }
  }
  return maps;
}

/**
 * Slope, offset, low and high of a* and of b*, eight a small pixel. The slope is the guided filter's, cov(L, ab) /
 * (var(L) + noise) over 3 x 3 pixels, times the share of ab's variance that it explains; see `infer/upsample.py`.
 * @param {Small} small
 */
function guidedMaps({ height, width, lightness, ab }) {
  const count = height * width;
  const channels = [ab.subarray(0, count), ab.subarray(count)];
  const mean = blur(lightness, height, width);
  const variance = varianceOf(lightness, mean, height, width).map((value) => value + NOISE ** 2);
  const means = channels.map((channel) => blur(channel, height, width));
  const variances = channels.map((channel, index) => varianceOf(channel, means[index], height, width));
  const covariances = channels.map((channel, index) => {
    const products = blur(channel.map((value, at) => value * lightness[at]), height, width);
    return products.map((value, at) => value - mean[at] * means[index][at]);
  });
  const maps = new Float32Array(MAPS * count);
  for (let at = 0; at < count; at += 1) {
    const varianceAb = NOISE ** 2 + variances[0][at] + variances[1][at];
    const explained = (covariances[0][at] ** 2 + covariances[1][at] ** 2) / (variance[at] * varianceAb);
    for (let channel = 0; channel < 2; channel += 1) {
      const slope = (covariances[channel][at] / variance[at]) * explained;
      const around = window3(channels[channel], at, height, width);
      const target = MAPS * at + channel;
      maps[target] = slope;
      maps[target + 2] = channels[channel][at] - slope * lightness[at];
      maps[target + 4] = Math.min(...around);
      maps[target + 6] = Math.max(...around);
    }
  }
  return maps;
}

/**
 * @param {Float32Array} plane
 * @param {Float32Array} mean
 * @param {number} height
 * @param {number} width
 */
function varianceOf(plane, mean, height, width) {
  const squares = blur(plane.map((value) => value * value), height, width);
  return squares.map((value, at) => Math.max(value - mean[at] * mean[at], 0));
}

/**
 * The mean over 3 x 3 pixels; the border's are repeated.
 * @param {Float32Array} plane
 * @param {number} height
 * @param {number} width
 */
function blur(plane, height, width) {
  return plane.map((_, at) => window3(plane, at, height, width).reduce((sum, value) => sum + value) / 9);
}

/**
 * The 3 x 3 values around; the border's are repeated.
 * @param {Float32Array} plane
 * @param {number} at
 * @param {number} height
 * @param {number} width
 */
function window3(plane, at, height, width) {
  const row = Math.floor(at / width);
  const column = at % width;
  const around = [];
  for (let y = row - 1; y <= row + 1; y += 1) {
    const line = Math.min(Math.max(y, 0), height - 1) * width;
    for (let x = column - 1; x <= column + 1; x += 1) {
      around.push(plane[line + Math.min(Math.max(x, 0), width - 1)]);
    }
  }
  return around;
}
