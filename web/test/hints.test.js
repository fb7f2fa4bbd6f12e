import assert from "node:assert/strict";
import { test } from "node:test";
import { fileContent, hintMap, readHints, suggestions } from "../src/hints.js";

const RED_AB = [80.1, 67.2]; // CIE 15

test("a map has the colour and the weight about the place, and nothing elsewhere", () => {
  const [height, width] = [32, 64];
  const map = hintMap([{ x: 0.5, y: 0.5, color: "#ff0000" }], height, width, 1);
  const plane = (number) => map.subarray(number * height * width, (number + 1) * height * width);
  const at = 16 * width + 32;
  for (const number of [0, 1]) assert.ok(Math.abs(plane(number)[at] - RED_AB[number]) < 0.2);
  assert.equal(plane(2).reduce((sum, weight) => sum + weight), 25);
  assert.equal(map[0], 0);
});

test("a corner is a place, and a stronger saturation asks for less", () => {
  const corner = hintMap([{ x: 1, y: 1, color: "#0000ff" }], 32, 32, 1);
  assert.equal(corner.subarray(2 * 32 * 32).reduce((sum, weight) => sum + weight), 9);
  const halved = hintMap([{ x: 1, y: 1, color: "#0000ff" }], 32, 32, 2);
  assert.ok(Math.abs(halved[32 * 32 - 1] - corner[32 * 32 - 1] / 2) < 1e-4);
});

test("suggestions begin with the network's own answer, at the lightness of the place", () => {
  const small = { height: 8, width: 8, lightness: new Float32Array(64).fill(60), ab: new Float32Array(128) };
  small.ab.fill(30, 0, 64);
  const [own, stronger] = suggestions(small, 0.5, 0.5);
  assert.match(own, /^#[0-9a-f]{6}$/);
  assert.notEqual(own, stronger);
});

test("what is saved is read again, and what is none is refused", () => {
  const hints = [{ x: 0.25, y: 0.5, color: "#4b5320", note: "uniform" }];
  const text = fileContent(hints, 400, 300);
  assert.deepEqual(readHints(text, (color) => color), hints);
  assert.equal(JSON.parse(text).width, 400);
  assert.throws(() => readHints(text.replace("0.25", "2.5"), (color) => color), /point 1 lies outside/);
  assert.throws(() => readHints(text, () => ""), /point 1 has no colour/);
  assert.throws(() => readHints('{"schema": 2, "points": []}', (color) => color), /not a file of hints/);
});
