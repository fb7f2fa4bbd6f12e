/** The network on ONNX Runtime Web: WebGPU where there is a GPU, else WebAssembly. */

import { readContract } from "./contract.js";

/**
 * @import { InferenceSession } from "onnxruntime-web"
 * @import { Small } from "./upsample.js"
 */

const MOST_THREADS = 8;
const GPU_FILE = "ort-wasm-simd-threaded.asyncify";
const CPU_FILE = "ort-wasm-simd-threaded";

/** A model, opened. */
export class Network {
  /**
   * @param {typeof import("onnxruntime-web")} runtime
   * @param {InferenceSession} session
   * @param {import("./contract.js").Contract} contract
   * @param {string} device what it computes on, for the user
   */
  constructor(runtime, session, contract, device) {
    this.runtime = runtime;
    this.session = session;
    this.contract = contract;
    this.device = device;
  }

  /**
   * Load runtime and model.
   * @param {string} base address of the page
   * @param {string} wanted "webgpu", "wasm" or "auto"
   */
  static async open(base, wanted) {
    const response = await fetch(new URL("model.onnx", base));
    if (!response.ok) throw new Error(`the model could not be loaded (${response.status})`);
    const model = new Uint8Array(await response.arrayBuffer());
    const contract = readContract(model);
    if (wanted === "webgpu" || (wanted === "auto" && (await hasGpu()))) {
      try {
        const runtime = await configured(import("onnxruntime-web/webgpu"), GPU_FILE, base);
        const session = await runtime.InferenceSession.create(model, { executionProviders: ["webgpu"] });
        return new Network(runtime, session, contract, "WebGPU");
      } catch (error) {
        if (wanted === "webgpu") throw error;
        return Network.onCpu(model, contract, base, `WebGPU failed (${/** @type {Error} */ (error).message}); `);
      }
    }
    return Network.onCpu(model, contract, base, "");
  }

  /**
   * @param {Uint8Array} model
   * @param {import("./contract.js").Contract} contract
   * @param {string} base
   * @param {string} note
   */
  static async onCpu(model, contract, base, note) {
    const runtime = await configured(import("onnxruntime-web/wasm"), CPU_FILE, base);
    const session = await runtime.InferenceSession.create(model, { executionProviders: ["wasm"] });
    return new Network(runtime, session, contract, note + threadsInWords());
  }

  /**
   * CIE a*, b* of a lightness.
   * @param {Omit<Small, "ab">} reduced
   * @param {Float32Array} [hints] as `hintMap` gives them
   */
  async predict({ height, width, lightness }, hints = new Float32Array(3 * height * width)) {
    const { input_name: input, output_name: output, takes_hints: takesHints } = this.contract;
    const { Tensor } = this.runtime;
    /** @type {Record<string, import("onnxruntime-web").Tensor>} */
    const feeds = { [input]: new Tensor("float32", lightness, [1, 1, height, width]) };
    if (takesHints) feeds.hints = new Tensor("float32", hints, [1, 3, height, width]);
    const { [output]: result } = await this.session.run(feeds);
    const ab = Float32Array.from(/** @type {Float32Array} */ (result.data));
    result.dispose();
    return ab;
  }
}

async function hasGpu() {
  const adapter = await navigator.gpu?.requestAdapter();
  return Boolean(adapter) && !adapter?.info.isFallbackAdapter; // which is a CPU, and slower than WebAssembly
}

function threads() {
  return self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;
}

function threadsInWords() {
  if (threads() > 1) return `WebAssembly, ${threads()} threads`;
  return self.crossOriginIsolated
    ? "WebAssembly, one thread"
    : "WebAssembly, one thread: the server of this page does not allow more";
}

/**
 * @template {typeof import("onnxruntime-web")} T
 * @param {Promise<T>} loading
 * @param {string} name
 * @param {string} base
 */
async function configured(loading, name, base) {
  const runtime = await loading;
  const [mjs, wasm] = ["mjs", "wasm"].map((suffix) => new URL(`runtime/${name}.${suffix}`, base).href);
  runtime.env.wasm.wasmPaths = { mjs, wasm };
  runtime.env.wasm.numThreads = threads();
  runtime.env.logLevel = "error";
  return runtime;
}
