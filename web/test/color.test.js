import assert from "node:assert/strict";
import { test } from "node:test";
import { abOf, GREY_LIGHTNESS, isGrey, lightnessOf, paint } from "../src/color.js";

/** sRGB and Lab of Lindbloom's calculator (D65, 2 degrees). */
const KNOWN = [
  [[255, 0, 0], [53.24, 80.09, 67.2]],
  [[0, 255, 0], [87.73, -86.18, 83.18]],
  [[0, 0, 255], [32.3, 79.19, -107.86]],
  [[136, 136, 136], [56.7, 0, 0]],
  [[255, 255, 255], [100, 0, 0]],
  [[0, 0, 0], [0, 0, 0]],
];
const pixelOf = (rgb) => Uint8ClampedArray.of(...rgb, 255);

test("colours have their published lightness, a* and b*", () => {
  for (const [rgb, lab] of KNOWN) {
    const found = [...lightnessOf(pixelOf(rgb)), ...abOf(pixelOf(rgb))];
    found.forEach((value, axis) => assert.ok(Math.abs(value - lab[axis]) < 0.02, `${rgb}: ${found}`));
  }
});

test("all colours come back from Lab as they were", () => {
  const pixels = new Uint8ClampedArray(4 * 16 ** 3);
  for (let at = 0; at < pixels.length; at += 4) {
    const color = at / 4;
    pixels.set([17 * (color >> 8), 17 * ((color >> 4) & 15), 17 * (color & 15), 200], at);
  }
  const painted = new Uint8ClampedArray(pixels.length).fill(200);
  paint(lightnessOf(pixels), abOf(pixels), painted);
  assert.deepEqual(painted, pixels);
});

test("what sRGB cannot show keeps its lightness and hue", () => {
  for (let level = 5; level < 100; level += 5) {
    const lightness = Float32Array.of(level);
    const pixel = pixelOf([0, 0, 0]);
    paint(lightness, Float32Array.of(90, -60), pixel);
    const [a, b] = abOf(pixel);
    assert.ok(Math.abs(lightnessOf(pixel)[0] - level) < 0.6, `L* ${level}`);
    assert.ok(Math.abs(Math.atan2(b, a) - Math.atan2(-60, 90)) < 0.12, `hue at L* ${level}: ${a}, ${b}`);
  }
});

test("greys are those without colour and transparency", () => {
  assert.equal(isGrey(Uint8ClampedArray.of(7, 7, 7, 255, 9, 9, 9, 255)), true);
  assert.equal(isGrey(Uint8ClampedArray.of(7, 7, 7, 255, 9, 9, 8, 255)), false);
  assert.equal(isGrey(Uint8ClampedArray.of(7, 7, 7, 254)), false);
  assert.equal(lightnessOf(pixelOf([53, 53, 53]))[0], GREY_LIGHTNESS[53]);
});
