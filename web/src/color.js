/**
 * Colour conversion between sRGB and CIE L*a*b* (D65): what `core/color/lab.py` does, for a browser.
 *
 * Pixels are those of `ImageData`: RGBA, 8 bits. Lightness is CIE L* in 0..100; ab is CIE a*, b*, interleaved.
 */

// sRGB primaries, D65: IEC 61966-2-1
const XYZ_FROM_LINEAR = [
  [0.412453, 0.35758, 0.180423],
  [0.212671, 0.71516, 0.072169],
  [0.019334, 0.119193, 0.950227],
];
const WHITE = [0.950456, 1, 1.088754];
const DELTA = 6 / 29; // CIE 15: below its cube the cube root is a straight line
const GAMUT_STEPS = 12;
const GAMUT_TOLERANCE = 1e-6; // linear light

/** Linear light 0..1 of every sample. */
const LINEAR = Float64Array.from({ length: 256 }, (_, sample) => {
  const encoded = sample / 255;
  return encoded <= 0.04045 ? encoded / 12.92 : ((encoded + 0.055) / 1.055) ** 2.4;
});

/** CIE L* of every grey sample, which is not the sample: 136 is L* 56.7, not 53.3. */
export const GREY_LIGHTNESS = Float32Array.from(LINEAR, (luminance) => 116 * cubeRoot(luminance) - 16);

// the sample nearest to linear light: fine enough to be wrong by a twentieth of a level in the shadows
const TABLE_STEPS = 65535;
const ENCODED = Uint8Array.from({ length: TABLE_STEPS + 1 }, (_, step) => {
  const linear = step / TABLE_STEPS;
  return Math.round(255 * (linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055));
});

const LINEAR_FROM_XYZ = inverse(XYZ_FROM_LINEAR).map((row) => row.map((value, axis) => value * WHITE[axis]));
const [[RX, RY, RZ], [GX, GY, GZ], [BX, BY, BZ]] = LINEAR_FROM_XYZ;

/**
 * Whether every pixel is neutral and opaque.
 * @param {Uint8ClampedArray} pixels
 */
export function isGrey(pixels) {
  for (let at = 0; at < pixels.length; at += 4) {
    const green = pixels[at + 1];
    if (pixels[at] !== green || pixels[at + 2] !== green || pixels[at + 3] !== 255) return false;
  }
  return true;
}

/**
 * CIE L* of every pixel.
 * @param {Uint8ClampedArray} pixels
 */
export function lightnessOf(pixels) {
  const lightness = new Float32Array(pixels.length / 4);
  const [fromRed, fromGreen, fromBlue] = XYZ_FROM_LINEAR[1];
  for (let index = 0, at = 0; index < lightness.length; index += 1, at += 4) {
    const [red, green, blue] = [pixels[at], pixels[at + 1], pixels[at + 2]];
    lightness[index] =
      red === green && blue === green
        ? GREY_LIGHTNESS[green]
        : 116 * cubeRoot(fromRed * LINEAR[red] + fromGreen * LINEAR[green] + fromBlue * LINEAR[blue]) - 16;
  }
  return lightness;
}

/**
 * CIE a*, b* of every pixel.
 * @param {Uint8ClampedArray} pixels
 */
export function abOf(pixels) {
  const ab = new Float32Array(pixels.length / 2);
  for (let index = 0, at = 0; at < pixels.length; index += 2, at += 4) {
    const [x, y, z] = XYZ_FROM_LINEAR.map((row, axis) => {
      const sum =
        row[0] * LINEAR[pixels[at]] + row[1] * LINEAR[pixels[at + 1]] + row[2] * LINEAR[pixels[at + 2]];
      return cubeRoot(sum / WHITE[axis]);
    });
    ab[index] = 500 * (x - y);
    ab[index + 1] = 200 * (y - z);
  }
  return ab;
}

/**
 * Give pixels the colours of Lab, in place; alpha stays. Where sRGB cannot show a colour its chroma is reduced, at
 * constant L* and hue, by bisection to 1/4096.
 * @param {Float32Array} lightness one a pixel
 * @param {Float32Array} ab two a pixel
 * @param {Uint8ClampedArray} pixels
 */
export function paint(lightness, ab, pixels) {
  const linear = new Float64Array(3);
  for (let index = 0, at = 0; index < lightness.length; index += 1, at += 4) {
    const fy = (lightness[index] + 16) / 116;
    const aPart = ab[2 * index] / 500;
    const bPart = ab[2 * index + 1] / 200;
    toLinear(fy, aPart, bPart, linear);
    if (!isInGamut(linear)) {
      const share = shareInGamut(fy, aPart, bPart, linear);
      toLinear(fy, aPart * share, bPart * share, linear);
    }
    for (let channel = 0; channel < 3; channel += 1) {
      const clipped = Math.min(Math.max(linear[channel], 0), 1);
      pixels[at + channel] = ENCODED[(clipped * TABLE_STEPS + 0.5) | 0];
    }
  }
}

/**
 * The largest share of chroma that sRGB can show.
 * @param {number} fy
 * @param {number} aPart
 * @param {number} bPart
 * @param {Float64Array} linear room for a colour
 */
function shareInGamut(fy, aPart, bPart, linear) {
  let share = 0;
  for (let step = 0.5; step >= 0.5 ** GAMUT_STEPS; step /= 2) {
    const more = share + step;
    toLinear(fy, aPart * more, bPart * more, linear);
    if (isInGamut(linear)) share = more;
  }
  return share;
}

/** @param {Float64Array} linear */
function isInGamut(linear) {
  const least = Math.min(linear[0], linear[1], linear[2]);
  const most = Math.max(linear[0], linear[1], linear[2]);
  return least >= -GAMUT_TOLERANCE && most <= 1 + GAMUT_TOLERANCE;
}

/**
 * @param {number} fy f(Y) of CIE 15
 * @param {number} aPart f(X) - f(Y)
 * @param {number} bPart f(Y) - f(Z)
 * @param {Float64Array} linear where linear sRGB goes
 */
function toLinear(fy, aPart, bPart, linear) {
  const x = fromCubeRoot(fy + aPart);
  const y = fromCubeRoot(fy);
  const z = fromCubeRoot(fy - bPart);
  linear[0] = RX * x + RY * y + RZ * z;
  linear[1] = GX * x + GY * y + GZ * z;
  linear[2] = BX * x + BY * y + BZ * z;
}

/**
 * f of CIE 15.
 * @param {number} value relative to white
 */
function cubeRoot(value) {
  return value > DELTA ** 3 ? Math.cbrt(value) : value / (3 * DELTA * DELTA) + 4 / 29;
}

/** @param {number} root what `cubeRoot` gave */
function fromCubeRoot(root) {
  return root > DELTA ? root * root * root : 3 * DELTA * DELTA * (root - 4 / 29);
}

/**
 * @param {number[][]} matrix 3 x 3
 * @returns {number[][]}
 */
function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    [e * i - f * h, c * h - b * i, b * f - c * e],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ].map((row) => row.map((value) => value / determinant));
}
