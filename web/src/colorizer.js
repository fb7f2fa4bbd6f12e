/** Colorizing a photograph: the network sees a small L*, the photograph keeps its own. As `infer/colorizer.py`. */

import { abOf, GREY_LIGHTNESS, isGrey, lightnessOf, paint } from "./color.js";
import { Resizer } from "./resize.js";
import { Upsampler } from "./upsample.js";

/**
 * @import { Contract } from "./contract.js"
 * @import { Pixels } from "./photograph.js"
 * @import { Small } from "./upsample.js"
 *
 * @typedef {object} Settings
 * @property {number} saturation factor on the predicted chroma
 * @property {number} strength 1 for the predicted colour, 0 for the photograph's own
 */

const MAXIMUM_ASPECT = 4; // of what the network sees
const DETAIL = 2; // pixels, to each side, for one of the network's

/**
 * Height and width the network sees: the aspect kept as the size rule allows.
 * @param {Contract} contract
 * @param {number} height
 * @param {number} width
 */
export function networkSize(contract, height, width) {
  const { fixed, minimum, multiple_of: multiple } = contract.size;
  const scale = contract.render_size / Math.min(height, width);
  return [height, width].map((side) => {
    const length = Math.min(side * scale, contract.render_size * MAXIMUM_ASPECT);
    return fixed ? minimum : Math.max(minimum, roundHalfToEven(length / multiple) * multiple);
  });
}

/**
 * CIE L* of a photograph as the network sees it.
 * @param {Pixels} pixels
 * @param {Contract} contract
 * @returns {Omit<Small, "ab">}
 */
export function reduce(pixels, contract) {
  const [height, width] = networkSize(contract, pixels.height, pixels.width);
  const halvings = isGreyThroughout(pixels) ? halvingsOf(pixels, DETAIL * contract.render_size) : 0;
  const resizer = new Resizer(pixels.height >> halvings, pixels.width >> halvings, height, width);
  if (halvings) resizer.push(halvedLightness(pixels, halvings));
  else for (const [, strip] of pixels.strips()) resizer.push(lightnessOf(strip.data));
  return { height, width, lightness: resizer.result };
}

/**
 * Give the pixels the network's colours, in place; CIE L* stays what it was.
 * @param {Pixels} pixels
 * @param {Small} small
 * @param {Settings} settings
 */
export function merge(pixels, small, { saturation, strength }) {
  const predicted = { ...small, ab: small.ab.map((value) => value * saturation) };
  const upsampler = new Upsampler(predicted, pixels.height, pixels.width);
  for (const [start, strip] of pixels.strips()) {
    const lightness = lightnessOf(strip.data);
    const ab = upsampler.rows(start, strip.height);
    if (strength < 1) blend(ab, abOf(strip.data), strength);
    paint(lightness, ab, strip.data);
    pixels.context.putImageData(strip, 0, start);
  }
}

/**
 * @param {Float32Array} ab becomes the blend
 * @param {Float32Array} own
 * @param {number} strength
 */
function blend(ab, own, strength) {
  for (let at = 0; at < ab.length; at += 1) ab[at] = strength * ab[at] + (1 - strength) * own[at];
}

/** @param {Pixels} pixels */
function isGreyThroughout(pixels) {
  for (const [, strip] of pixels.strips()) if (!isGrey(strip.data)) return false;
  return true;
}

/**
 * How often an image can be halved with its short side at least `side`.
 * @param {Pixels} pixels
 * @param {number} side
 */
function halvingsOf(pixels, side) {
  let halvings = 0;
  while (Math.min(pixels.height, pixels.width) >> (halvings + 1) >= side) halvings += 1;
  return halvings;
}

/**
 * CIE L* of a grey image, halved: of greys, the mean's L* is the mean L*, nearly; of colours it is not.
 * @param {Pixels} pixels
 * @param {number} halvings
 */
function halvedLightness(pixels, halvings) {
  const resizer = new Resizer(pixels.height, pixels.width, pixels.height >> halvings, pixels.width >> halvings);
  for (const [, strip] of pixels.strips()) {
    resizer.push(Float32Array.from({ length: strip.data.length / 4 }, (_, index) => strip.data[4 * index]));
  }
  return resizer.result.map((grey) => GREY_LIGHTNESS[Math.round(grey)]);
}

/**
 * As Python rounds.
 * @param {number} value
 */
function roundHalfToEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}
