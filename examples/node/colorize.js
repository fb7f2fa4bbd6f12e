// Colorize a photograph in Node: node colorize.js lite2.pixels.onnx old.jpg new.png
import { InferenceSession, Tensor } from "onnxruntime-node";
import sharp from "sharp";

const [model, photo, colored] = process.argv.slice(2);
const { data, info } = await sharp(photo)
  .autoOrient()
  .removeAlpha()
  .toColourspace("srgb")
  .raw()
  .toBuffer({ resolveWithObject: true });
const { channels, height, width } = info;
const session = await InferenceSession.create(model);
const rgb = new Tensor("uint8", data, [1, height, width, channels]);
const { colored: result } = await session.run({ rgb });
await sharp(result.data, { raw: { channels, height, width } }).toFile(colored);
