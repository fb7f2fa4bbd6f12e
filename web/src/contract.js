/** What a model file says of itself: see `core/contract.py`. */

const KEY = "colorize_gan.contract";
const SCHEMA = 1;
const METADATA_PROPS = 14; // of ModelProto, in ONNX's protobuf
const LENGTH_DELIMITED = 2;
const BYTES_OF_FIXED = /** @type {Record<number, number>} */ ({ 1: 8, 5: 4 });

/**
 * @typedef {object} Contract
 * @property {string} name
 * @property {string} graph
 * @property {number} render_size short side, in pixels, that the network sees
 * @property {{multiple_of: number, minimum: number, fixed: boolean}} size
 * @property {string} input_name
 * @property {boolean} [takes_hints] whether it has a second input, `hints`: a*, b* and a weight; older files do not say
 * @property {string} output_name
 * @property {string} license
 */

/**
 * Read the contract of an ONNX file.
 * @param {Uint8Array} model
 * @returns {Contract}
 */
export function readContract(model) {
  const texts = new TextDecoder();
  for (const [field, content] of fields(model)) {
    if (field !== METADATA_PROPS) continue;
    const [key, value] = [...fields(content)].map(([, text]) => texts.decode(text));
    if (key !== KEY) continue;
    const contract = JSON.parse(value);
    if (contract.schema !== SCHEMA) throw new Error(`the model's contract has schema ${contract.schema}, not ${SCHEMA}`);
    if (contract.graph !== "lab") throw new Error(`the model is a ${contract.graph} graph; this page takes lab graphs`);
    return contract;
  }
  throw new Error("the model file has no contract: it was not exported by colorize-gan");
}

/**
 * The fields of a protobuf message that have a length.
 * @param {Uint8Array} message
 * @returns {Generator<[number, Uint8Array]>}
 */
function* fields(message) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at];
      at += 1;
      value += (byte & 127) * factor;
      if (!(byte & 128)) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === LENGTH_DELIMITED) {
      const length = varint();
      yield [Math.floor(tag / 8), message.subarray(at, at + length)];
      at += length;
    } else if (kind === 0) varint();
    else at += BYTES_OF_FIXED[kind] ?? message.length; // damaged: nothing more can be read
  }
}
