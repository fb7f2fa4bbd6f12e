// Colorize a photograph in Node: node colorize.js MODEL.pixels.onnx old.jpg new.png
// A model that takes hints gets the colours of places that follow: 0.41,0.62,#4b5320
import { InferenceSession, Tensor } from "onnxruntime-node";
import sharp from "sharp";

/** From `0.41,0.62,#4b5320` to x, y, red, green and blue. */
function parsePoint(hint) {
  const [x, y, color] = hint.split(",");
  return [Number(x), Number(y), ...Buffer.from(color.replace("#", ""), "hex")];
}

const [model, photo, colored, ...hints] = process.argv.slice(2);
const { data, info } = await sharp(photo)
  .autoOrient()
  .removeAlpha()
  .toColourspace("srgb")
  .raw()
  .toBuffer({ resolveWithObject: true });
const { channels, height, width } = info;
const session = await InferenceSession.create(model);
const inputs = { rgb: new Tensor("uint8", data, [1, height, width, channels]) };
if (hints.length || session.inputNames.includes("hints")) {
  const points = Float32Array.from(hints.flatMap(parsePoint));
  inputs.hints = new Tensor("float32", points, [1, hints.length, 5]);
}
const { colored: result } = await session.run(inputs);
await sharp(result.data, { raw: { channels, height, width } }).toFile(colored);
