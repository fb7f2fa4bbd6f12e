/** The worker: it keeps what the network saw and gave of each photograph, so that a new setting costs little. */

import { merge, reduce } from "./colorizer.js";
import { hintMap, suggestions } from "./hints.js";
import { Network } from "./network.js";
import { noteOn, PhotographError, Pixels, readPhotograph, savedType } from "./photograph.js";

/**
 * @import { Settings } from "./colorizer.js"
 * @import { Hint } from "./hints.js"
 * @import { Small } from "./upsample.js"
 *
 * @typedef {object} Opened
 * @property {File} file
 * @property {Small} small
 * @property {Blob} before
 * @property {Hint[]} hints
 * @property {number} saturation that the network's answer to the hints is for; NaN: there is none yet
 */

const PREVIEW_SIDE = 1280;

/** @type {Network} */
let network;
/** @type {Map<number, Opened>} */
const opened = new Map();

/** What the page may ask for; one thing at a time. */
const calls = {
  /**
   * @param {string} base
   * @param {string} device
   */
  async start(base, device) {
    network = await Network.open(base, device);
    const { name, takes_hints: takesHints = false } = network.contract;
    return { device: network.device, model: name, takesHints };
  },

  /**
   * Decode a photograph and let the network see it.
   * @param {number} id
   * @param {File} file
   */
  async open(id, file) {
    const pixels = await readPhotograph(file);
    const { height, width } = pixels;
    const reduced = reduce(pixels, network.contract);
    const small = { ...reduced, ab: await network.predict(reduced) };
    const before = await pixels.reduced(PREVIEW_SIDE).encode(savedType(file));
    opened.set(id, { file, small, before, hints: [], saturation: 1 });
    return { height, width, before, note: await noteOn(file) };
  },

  /**
   * Colorize the small copy that is shown.
   * @param {number} id
   * @param {Settings} settings
   */
  async preview(id, settings) {
    const { before, file, small } = await answered(id, settings);
    return colored(Pixels.of(await createImageBitmap(before)), small, settings, savedType(file));
  },

  /**
   * Colorize the whole photograph.
   * @param {number} id
   * @param {Settings} settings
   */
  async render(id, settings) {
    const { file, small } = await answered(id, settings);
    return colored(await readPhotograph(file), small, settings, savedType(file));
  },

  /**
   * Take other hints; the next picture is coloured with them.
   * @param {number} id
   * @param {Hint[]} hints
   */
  async hint(id, hints) {
    Object.assign(get(id), { hints, saturation: Number.NaN });
  },

  /**
   * Colours that are plausible at a place.
   * @param {number} id
   * @param {number} x
   * @param {number} y
   */
  async suggest(id, x, y) {
    return suggestions(get(id).small, x, y);
  },

  /** @param {number} id */
  async close(id) {
    opened.delete(id);
  },
};

/**
 * @param {Pixels} pixels
 * @param {Small} small
 * @param {Settings} settings
 * @param {string} type
 */
function colored(pixels, small, settings, type) {
  merge(pixels, small, settings);
  return pixels.encode(type);
}

/**
 * A photograph with the network's answer to its hints: they ask for less where the answer will be multiplied.
 * @param {number} id
 * @param {Settings} settings
 */
async function answered(id, { saturation }) {
  const photograph = get(id);
  const { hints, small } = photograph;
  const isAnswered = photograph.saturation === saturation || (!hints.length && photograph.saturation > 0);
  if (!isAnswered) {
    small.ab = await network.predict(small, hintMap(hints, small.height, small.width, saturation));
    photograph.saturation = saturation;
  }
  return photograph;
}

/** @param {number} id */
function get(id) {
  return /** @type {Opened} */ (opened.get(id));
}

self.addEventListener("message", async ({ data: { call, args } }) => {
  try {
    const answer = await /** @type {any} */ (calls)[call](...args);
    self.postMessage({ answer });
  } catch (error) {
    self.postMessage({ reason: reasonOf(/** @type {Error} */ (error)) });
  }
});

/** @param {Error} error */
function reasonOf(error) {
  if (error instanceof PhotographError) return error.message;
  if (error instanceof RangeError) return "not enough memory in this browser; colorize-batch can do it";
  return error.message || error.name;
}
