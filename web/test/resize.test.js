import assert from "node:assert/strict";
import { test } from "node:test";
import { networkSize } from "../src/colorizer.js";
import { Resizer, taps } from "../src/resize.js";
import { Upsampler } from "../src/upsample.js";

function resized(rows, height, width) {
  const resizer = new Resizer(rows.length, rows[0].length, height, width);
  for (const row of rows) resizer.push(Float32Array.from(row));
  return [...resizer.result].map((value) => Math.round(value * 1e4) / 1e4);
}

test("a smaller plane has the means of areas", () => {
  assert.deepEqual(resized([[0, 1, 2], [3, 4, 5], [6, 7, 8]], 1, 1), [4]);
  assert.deepEqual(resized([[0, 3, 6]], 1, 2), [1, 5]);
  assert.deepEqual(resized([[1, 3], [5, 7], [9, 11], [13, 15]], 2, 1), [4, 12]);
});

test("a larger plane is linear between the centres, and may shrink on its other axis", () => {
  assert.deepEqual(resized([[0, 4]], 1, 4), [0, 1, 3, 4]);
  assert.deepEqual(resized([[0, 4], [8, 12]], 4, 1), [2, 4, 8, 10]);
  assert.deepEqual(resized([[5]], 2, 3), [5, 5, 5, 5, 5, 5]);
});

test("weights add up to one", () => {
  for (const [length, newLength] of [[601, 300], [300, 601], [4032, 352], [8, 256], [352, 352]]) {
    for (const weights of taps(length, newLength).weights) {
      assert.ok(Math.abs(weights.reduce((sum, part) => sum + part) - 1) < 1e-5);
    }
  }
});

test("strips of any height give the same", () => {
  const plane = Float32Array.from({ length: 12 * 10 }, (_, index) => (index * 37) % 101);
  const [whole, cut] = [new Resizer(12, 10, 5, 4), new Resizer(12, 10, 5, 4)];
  whole.push(plane);
  for (let row = 0; row < 12; row += 3) cut.push(plane.subarray(10 * row, 10 * (row + 3)));
  assert.deepEqual(cut.result, whole.result);
});

test("the network's size follows the contract as in Python", () => {
  const contract = { render_size: 256, size: { multiple_of: 32, minimum: 32, fixed: false } };
  assert.deepEqual(networkSize(contract, 600, 512), [288, 256]);
  assert.deepEqual(networkSize(contract, 300, 3000), [256, 1024]);
  assert.deepEqual(networkSize(contract, 1000, 1062), [256, 256]);
  assert.deepEqual(networkSize(contract, 256, 272), [256, 256]); // 8.5 rounds to even
  assert.deepEqual(networkSize(contract, 256, 304), [256, 320]); // and so does 9.5
  assert.deepEqual(networkSize({ ...contract, size: { ...contract.size, minimum: 224, fixed: true } }, 9, 99), [224, 224]);
});

const ramp = { height: 2, width: 2, ab: Float32Array.of(0, 40, 0, 40, 5, 5, 15, 15) };

test("colour is linear between the centres of the network's pixels", () => {
  const upsampler = new Upsampler(ramp, 2, 8);
  const a = [...upsampler.rows(0, 1)].filter((_, index) => index % 2 === 0);
  assert.deepEqual(a, [0, 0, 5, 15, 25, 35, 40, 40]);
  assert.deepEqual([...new Upsampler(ramp, 1, 2).rows(0, 1)], [0, 10, 40, 10]);
});

test("colour in strips is the whole", () => {
  const upsampler = new Upsampler(ramp, 7, 5);
  assert.deepEqual([...upsampler.rows(0, 4), ...upsampler.rows(4, 3)], [...upsampler.rows(0, 7)]);
});
