/** Hints: places of a photograph whose colour is known. As `infer/hints.py`; the file is that of colorize-batch. */

import { abOf, paint } from "./color.js";

/**
 * @import { Small } from "./upsample.js"
 *
 * @typedef {object} Hint
 * @property {number} x from the left edge, 0, to the right one, 1
 * @property {number} y from the upper edge, 0, to the lower one, 1
 * @property {string} color `#rrggbb`; its lightness does not count
 * @property {string} [note]
 */

export const HINTS_SUFFIX = ".hints.json";
const SCHEMA = 1;
const MOST_HINTS = 1000;
const SIDE = 5; // pixels, of what the network sees, that a hint covers
const MOST_AB = 110; // CIE units
const BIN = 12; // CIE units; colours of one bin count as one
const LEAST_CHROMA = 8;
const SUGGESTED = 6;
const LIVELY = 1.6; // the network's answer is careful: this much stronger it is suggested, too
const PATCH = 2; // pixels to each side, of what the network sees

/**
 * Hints as the network takes them: a*, b* and a weight, plane after plane.
 * @param {Hint[]} hints
 * @param {number} height
 * @param {number} width
 * @param {number} saturation by which the network's answer will be multiplied
 */
export function hintMap(hints, height, width, saturation) {
  const map = new Float32Array(3 * height * width);
  for (const { x, y, color } of hints) {
    const ab = abOfColor(color).map((value) => clamp(value / Math.max(saturation, 1e-3), -MOST_AB, MOST_AB));
    const row = Math.min(Math.floor(y * height), height - 1);
    const column = Math.min(Math.floor(x * width), width - 1);
    const reach = Math.floor(SIDE / 2);
    for (let top = Math.max(0, row - reach); top <= Math.min(height - 1, row + reach); top += 1) {
      for (let left = Math.max(0, column - reach); left <= Math.min(width - 1, column + reach); left += 1) {
        for (const [plane, value] of [...ab, 1].entries()) map[(plane * height + top) * width + left] = value;
      }
    }
  }
  return map;
}

/**
 * Colours that are plausible at a place, as `#rrggbb` of its lightness: the network's own answer there, the same
 * stronger, and what is frequent elsewhere in the photograph.
 * @param {Small} small
 * @param {number} x
 * @param {number} y
 */
export function suggestions(small, x, y) {
  const { ab, height, lightness, width } = small;
  const row = Math.min(Math.floor(y * height), height - 1);
  const column = Math.min(Math.floor(x * width), width - 1);
  const at = row * width + column;
  const own = meanAb(small, row, column);
  const frequent = frequentColors(ab);
  const candidates = [own, own.map((value) => value * LIVELY), ...frequent];
  return [...new Set(candidates.map((color) => hexOf(lightness[at], color)))].slice(0, SUGGESTED);
}

/**
 * @param {Small} small
 * @param {number} row
 * @param {number} column
 */
function meanAb({ ab, height, width }, row, column) {
  let [a, b, count] = [0, 0, 0];
  for (let top = Math.max(0, row - PATCH); top <= Math.min(height - 1, row + PATCH); top += 1) {
    for (let left = Math.max(0, column - PATCH); left <= Math.min(width - 1, column + PATCH); left += 1) {
      const at = top * width + left;
      a += ab[at];
      b += ab[height * width + at];
      count += 1;
    }
  }
  return [a / count, b / count];
}

/** @param {Float32Array} ab */
function frequentColors(ab) {
  /** @type {Map<string, [number, number, number]>} */
  const bins = new Map();
  const half = ab.length / 2;
  for (let at = 0; at < half; at += 1) {
    const [a, b] = [ab[at], ab[half + at]];
    if (Math.hypot(a, b) < LEAST_CHROMA) continue;
    const key = `${Math.round(a / BIN)},${Math.round(b / BIN)}`;
    const [sumA, sumB, count] = bins.get(key) ?? [0, 0, 0];
    bins.set(key, [sumA + a, sumB + b, count + 1]);
  }
  const found = [...bins.values()].sort((one, other) => other[2] - one[2]).slice(0, SUGGESTED);
  return found.map(([a, b, count]) => [a / count, b / count]);
}

/**
 * @param {number} lightness
 * @param {number[]} ab
 */
function hexOf(lightness, ab) {
  const pixel = new Uint8ClampedArray(4);
  paint(Float32Array.of(lightness), Float32Array.from(ab), pixel);
  return `#${[...pixel.subarray(0, 3)].map((sample) => sample.toString(16).padStart(2, "0")).join("")}`;
}

/** @param {string} color `#rrggbb` */
function abOfColor(color) {
  const samples = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  return [...abOf(Uint8ClampedArray.from([...samples, 255]))];
}

/**
 * The content of a file of hints.
 * @param {Hint[]} points
 * @param {number} width
 * @param {number} height
 */
export function fileContent(points, width, height) {
  return `${JSON.stringify({ schema: SCHEMA, width, height, points }, null, 1)}\n`;
}

/**
 * Read a file of hints.
 * @param {string} text
 * @param {(color: string) => string} asHex turns a CSS colour into `#rrggbb`
 * @returns {Hint[]}
 */
export function readHints(text, asHex) {
  const { points, schema } = JSON.parse(text);
  if (schema !== SCHEMA || !Array.isArray(points)) throw new Error("not a file of hints");
  if (points.length > MOST_HINTS) throw new Error(`${points.length} points; ${MOST_HINTS} are the most`);
  return points.map(({ color, note, x, y }, index) => {
    const name = `point ${index + 1}`;
    for (const place of [x, y]) {
      if (!(typeof place === "number" && place >= 0 && place <= 1)) throw new Error(`${name} lies outside`);
    }
    const hex = typeof color === "string" ? asHex(color) : "";
    if (!hex) throw new Error(`${name} has no colour`);
    return { x, y, color: hex, ...(note ? { note: String(note) } : {}) };
  });
}

/**
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
