/** Photographs as files and as pixels, in a worker. */

const STRIP_PIXELS = 1 << 18; // of which a processor's cache holds what is computed of them
const MINIMUM_SIDE = 8;
const JPEG_QUALITY = 0.99; // as colorize-batch: at the usual 0.95, noise would move the lightness
const SAMPLE_BITS_OF_PNG = 24; // where its header has them
const HEAD = 1 << 16; // bytes, which say whether there are several frames
const FLAGS_OF_WEBP = 20; // where its extended header has them
const ANIMATED = 2; // of them
const NO_PHOTOGRAPH = {
  pattern: /\.(gif|svg|pdf)$/i,
  reason: "not a photograph; JPEG, PNG, WebP, AVIF and BMP can be colorized",
};
const UNREADABLE = [
  NO_PHOTOGRAPH,
  { pattern: /\.tiff?$/i, reason: "this browser cannot read TIFF; colorize-batch can" },
  { pattern: /\.hei[cf]$/i, reason: "this browser cannot read HEIC; colorize-batch can, or save it as JPEG" },
];

/** A reason for the user why a photograph cannot be colorized. */
export class PhotographError extends Error {}

/** A canvas in a worker that is read and written strip by strip. */
export class Pixels {
  /**
   * @param {number} height
   * @param {number} width
   */
  constructor(height, width) {
    this.height = height;
    this.width = width;
    this.canvas = new OffscreenCanvas(width, height);
    this.context = /** @type {OffscreenCanvasRenderingContext2D} */ (
      this.canvas.getContext("2d", { willReadFrequently: true })
    );
  }

  /**
   * Take the pixels of a bitmap, which is closed.
   * @param {ImageBitmap} bitmap
   * @throws {PhotographError} too large
   */
  static of(bitmap) {
    try {
      const pixels = new Pixels(bitmap.height, bitmap.width);
      pixels.check();
      pixels.context.drawImage(bitmap, 0, 0);
      return pixels;
    } catch {
      throw new PhotographError(
        `${bitmap.width} x ${bitmap.height} pixels: too large for this browser; colorize-batch can do it`,
      );
    } finally {
      bitmap.close();
    }
  }

  /** Fail when the canvas is larger than the browser can hold: some stay empty and say nothing. */
  check() {
    /** @type {[number, number, number, number]} */
    const corner = [this.width - 1, this.height - 1, 1, 1];
    this.context.fillRect(...corner);
    const [, , , alpha] = this.context.getImageData(...corner).data;
    if (alpha !== 255) throw new RangeError();
    this.context.clearRect(...corner);
  }

  /**
   * Return a copy whose long side is `side` at most.
   * @param {number} side
   */
  reduced(side) {
    const scale = Math.min(1, side / Math.max(this.height, this.width));
    const [height, width] = [this.height, this.width].map((length) => Math.max(1, Math.round(length * scale)));
    const copy = new Pixels(height, width);
    copy.context.imageSmoothingQuality = "high";
    copy.context.drawImage(this.canvas, 0, 0, width, height);
    return copy;
  }

  /** @returns {Generator<[number, ImageData]>} first row and pixels of each strip of rows */
  *strips() {
    const rows = Math.max(1, Math.floor(STRIP_PIXELS / this.width));
    for (let start = 0; start < this.height; start += rows) {
      yield [start, this.context.getImageData(0, start, this.width, Math.min(rows, this.height - start))];
    }
  }

  /** @param {string} type */
  encode(type) {
    return this.canvas.convertToBlob({ type, quality: JPEG_QUALITY });
  }
}

/**
 * Decode a file that a user gave.
 * @param {File} file
 * @throws {PhotographError}
 */
export async function readPhotograph(file) {
  if (await hasSeveralFrames(file)) {
    throw new PhotographError("has several frames; only single pictures can be colorized");
  }
  const known = UNREADABLE.find(({ pattern }) => pattern.test(file.name));
  let bitmap;
  try {
    bitmap = await createImageBitmap(file); // upright
  } catch {
    throw new PhotographError(known?.reason ?? (file.size ? "not an image, or damaged" : "the file is empty"));
  }
  const { height, width } = bitmap;
  if (known === NO_PHOTOGRAPH) throw new PhotographError(known.reason);
  if (Math.min(height, width) < MINIMUM_SIDE) {
    throw new PhotographError(`${width} x ${height} pixels: too small to colorize (at least ${MINIMUM_SIDE})`);
  }
  return Pixels.of(bitmap);
}

/**
 * Tell an animated PNG (an acTL chunk before the first IDAT), WebP or AVIF: the browser decodes its first frame.
 * @param {File} file
 */
async function hasSeveralFrames(file) {
  const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const text = new TextDecoder("latin1").decode(head);
  if (text.startsWith("PNG", 1)) {
    const [control, data] = [text.indexOf("acTL"), text.indexOf("IDAT")];
    return control >= 0 && (data < 0 || control < data);
  }
  if (text.startsWith("RIFF") && text.startsWith("WEBPVP8X", 8)) return (head[FLAGS_OF_WEBP] & ANIMATED) > 0;
  return text.startsWith("ftypavis", 4);
}

/**
 * The type of file that a result is saved as: JPEG stays JPEG, all else becomes PNG, which loses nothing.
 * @param {File} file
 */
export function savedType(file) {
  return file.type === "image/jpeg" ? "image/jpeg" : "image/png";
}

/**
 * What a user should know of a file that can be colorized.
 * @param {File} file
 */
export async function noteOn(file) {
  if (file.type !== "image/png") return "";
  const [bits] = new Uint8Array(await file.slice(SAMPLE_BITS_OF_PNG, SAMPLE_BITS_OF_PNG + 1).arrayBuffer());
  return bits === 16 ? "16 bits become 8 in a browser; colorize-batch keeps them" : "";
}
