import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { defaultClientConditions, defineConfig } from "vite";

const RUNTIME = "onnxruntime-web";
const RUNTIME_FILES = ["", ".asyncify"].flatMap((kind) =>
  ["mjs", "wasm"].map((suffix) => `ort-wasm-simd-threaded${kind}.${suffix}`),
);

const read = (path) => readFileSync(new URL(path, import.meta.url));

/** Which runtime the page was built for, and the digest of its package: `infer/web/runtime.py` gets it. */
function runtimeRecord() {
  const { version, integrity } = JSON.parse(read("package-lock.json")).packages[`node_modules/${RUNTIME}`];
  return JSON.stringify({ name: RUNTIME, version, integrity, files: RUNTIME_FILES }, null, 2);
}

/** All that the page needs: the service worker, and for a static host also runtime and model. */
function completePage(mode) {
  return {
    name: "complete-page",
    generateBundle(_, bundle) {
      const emit = (fileName, source) => this.emitFile({ type: "asset", fileName, source });
      const files = ["./", ...Object.keys(bundle).filter((name) => name !== "index.html")];
      const worker = read("src/sw.js").toString().replace('"__FILES__"', JSON.stringify(files));
      const version = createHash("sha256").update(JSON.stringify(files)).update(read("index.html")).digest("hex");
      emit("sw.js", worker.replace("__VERSION__", version.slice(0, 16)));
      if (mode !== "static") return emit("runtime.json", runtimeRecord());
      for (const name of RUNTIME_FILES) emit(`runtime/${name}`, read(`node_modules/${RUNTIME}/dist/${name}`));
      emit("model.onnx", read("../infer/models/lite2.onnx"));
    },
  };
}

export default defineConfig(({ mode }) => ({
  base: "./",
  resolve: {
    // the runtime's WebAssembly is a file of its own: it is larger than all else
    conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions],
  },
  worker: { format: "es" },
  build: {
    target: "es2022",
    outDir: mode === "static" ? "dist" : "../infer/web/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
  },
  plugins: [completePage(mode)],
}));
