/** The worker: it keeps what the network saw and gave of each photograph, so that a new setting costs little. */

import { merge, reduce } from "./colorizer.js";
import { Network } from "./network.js";
import { noteOn, PhotographError, Pixels, readPhotograph, savedType } from "./photograph.js";

/**
 * @import { Settings } from "./colorizer.js"
 * @import { Small } from "./upsample.js"
 *
 * @typedef {{file: File, small: Small, before: Blob}} Opened
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
    return { device: network.device, model: network.contract.name };
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
    opened.set(id, { file, small, before });
    return { height, width, before, note: await noteOn(file) };
  },

  /**
   * Colorize the small copy that is shown.
   * @param {number} id
   * @param {Settings} settings
   */
  async preview(id, settings) {
    const { before, file, small } = get(id);
    return colored(Pixels.of(await createImageBitmap(before)), small, settings, savedType(file));
  },

  /**
   * Colorize the whole photograph.
   * @param {number} id
   * @param {Settings} settings
   */
  async render(id, settings) {
    const { file, small } = get(id);
    return colored(await readPhotograph(file), small, settings, savedType(file));
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
