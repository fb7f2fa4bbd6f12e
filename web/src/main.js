/** The page: cards of photographs, the settings, and what is asked of the worker. */

import { downloadZip } from "client-zip";
import { Editor } from "./editor.js";
import { fileContent, HINTS_SUFFIX, readHints } from "./hints.js";
import { Queue } from "./queue.js";

/**
 * @import { Settings } from "./colorizer.js"
 * @import { Hint } from "./hints.js"
 *
 * @typedef {object} Card
 * @property {number} id
 * @property {File} file
 * @property {HTMLElement} element
 * @property {"waiting" | "done" | "failed"} state
 * @property {Hint[]} hints
 * @property {[number, number]} size width and height
 * @property {Editor} [editor] while colours are corrected
 */

const OPEN = 1; // urgencies
const REDRAW = 2;
const VISIBLE = 0.5; // more
const SAVE = 3;
const TYPING = 100; // ms, between two changes of a setting
const CONTROL = 2000; // ms, until a service worker is not waited for

/** @type {Map<number, Card>} */
const cards = new Map();
let lastId = 0;
let device = "";
let takesHints = false;
let loadError = "";
let saving = false;

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {string} id */
const input = (id) => /** @type {HTMLInputElement} */ (byId(id));
/** @param {string} id */
const button = (id) => /** @type {HTMLButtonElement} */ (byId(id));
/**
 * @param {ParentNode} parent
 * @param {string} selector
 */
const find = (parent, selector) => /** @type {HTMLElement} */ (parent.querySelector(selector));
/** @param {string} id */
const copyOf = (id) =>
  /** @type {HTMLElement} */ (/** @type {HTMLTemplateElement} */ (byId(id)).content.firstElementChild?.cloneNode(true));

const counted = (/** @type {number} */ count) => `${count} ${count === 1 ? "photograph" : "photographs"}`;

/** @returns {Settings} */
const settings = () => ({
  saturation: input("saturation").valueAsNumber,
  strength: input("strength").valueAsNumber,
});

// the worker

const queue = startWorker();

async function startWorker() {
  await offlineReady();
  const started = new Queue(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
  const wanted = new URLSearchParams(location.search).get("device") ?? "auto";
  const base = new URL(".", location.href).href;
  ({ device, takesHints } = await started.ask("start", [base, wanted]));
  byId("device").textContent = `Computed by ${device}.`;
  return started;
}

/** Let the service worker see what is loaded from here on, so that all of it is there without a network. */
async function offlineReady() {
  const container = navigator.serviceWorker;
  if (!container || !import.meta.env.PROD) return;
  try {
    await container.register("./sw.js");
  } catch {
    return; // a browser may forbid it; the page works without
  }
  if (container.controller) return;
  await Promise.race([
    new Promise((resolve) => container.addEventListener("controllerchange", resolve, { once: true })),
    new Promise((resolve) => setTimeout(resolve, CONTROL)), // a forced reload is never controlled
  ]);
}

queue.then(() => showState(), (error) => {
  loadError = `The model could not be loaded: ${error.message}`;
  showState();
});

// cards

/** @param {Iterable<File>} files */
async function addFiles(files) {
  const all = [...files];
  for (const file of all) if (!isHints(file)) addCard(file);
  showState();
  for (const file of all) if (isHints(file)) await loadHints(file);
}

/** @param {File} file */
function addCard(file) {
  const element = copyOf("card");
  /** @type {Card} */
  const card = { id: (lastId += 1), file, element, state: "waiting", hints: [], size: [1, 1] };
  cards.set(card.id, card);
  find(element, "h2").textContent = file.name;
  const [save, correct, remove] = element.querySelectorAll("button");
  save.setAttribute("aria-label", `Download ${file.name} in colour`);
  save.addEventListener("click", () => saveOne(card));
  correct.setAttribute("aria-label", `Correct colours of ${file.name}`);
  correct.addEventListener("click", () => (card.editor ? endEditing(card) : startEditing(card)));
  remove.setAttribute("aria-label", `Remove ${file.name}`);
  remove.addEventListener("click", () => removeCard(card, true));
  byId("photos").append(element);
  open(card);
}

/** @param {Card} card */
async function open(card) {
  const { element, file, id } = card;
  try {
    const worker = await queue;
    const { before, height, note, width } = await worker.ask("open", [id, file], () => OPEN + visible(card));
    if (!cards.has(id)) return void worker.ask("close", [id]);
    find(element, ".size").textContent = `${width} × ${height} pixels`;
    find(element, ".note").textContent = note;
    showPair(card, before, width / height);
    find(element, "button").removeAttribute("disabled");
    find(element, ".correct").hidden = !takesHints;
    card.size = [width, height];
    card.state = "done";
    if (card.hints.length) await worker.ask("hint", [id, card.hints]);
    showState();
    await redraw(card);
  } catch (error) {
    fail(card, /** @type {Error} */ (error));
    showState();
  }
}

/**
 * @param {Card} card
 * @param {Error} error
 */
function fail(card, error) {
  card.state = "failed";
  card.element.classList.add("failed");
  const words = document.createElement("p");
  words.className = "words";
  words.textContent = `Not colorized: ${error.message}`;
  find(card.element, ".stage").replaceChildren(words);
}

/**
 * @param {Card} card
 * @param {Blob} before
 * @param {number} ratio
 */
function showPair(card, before, ratio) {
  const pair = copyOf("pair");
  const [first, second] = pair.querySelectorAll("img");
  const slider = /** @type {HTMLInputElement} */ (find(pair, "input"));
  pair.style.setProperty("--ratio", String(ratio));
  first.alt = `${card.file.name} before`;
  second.alt = `${card.file.name} in colour`;
  showBlob(first, before);
  slider.setAttribute("aria-label", `Original to colour: ${card.file.name}`);
  slider.addEventListener("input", () => {
    pair.style.setProperty("--cut", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `${Math.round(100 - slider.valueAsNumber)}% in colour`);
  });
  find(card.element, ".stage").replaceChildren(pair);
}

/** @param {Card} card */
async function redraw(card) {
  const worker = await queue;
  worker.drop("preview", card.id);
  const preview = await worker.ask("preview", [card.id, settings()], () => REDRAW + visible(card));
  showBlob(/** @type {HTMLImageElement} */ (find(card.element, "img + img")), preview);
}

/**
 * @param {HTMLImageElement} image
 * @param {Blob} blob
 */
function showBlob(image, blob) {
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
}

/** @param {Card} card */
function visible(card) {
  const { bottom, top } = card.element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight ? VISIBLE : 0;
}

/**
 * @param {Card} card
 * @param {boolean} focus
 */
async function removeCard(card, focus) {
  const neighbour = card.element.nextElementSibling ?? card.element.previousElementSibling;
  cards.delete(card.id);
  for (const image of card.element.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  card.element.remove();
  if (focus) (neighbour ? find(neighbour, ".remove") : input("files")).focus();
  showState();
  const worker = await queue;
  for (const call of ["open", "preview"]) worker.drop(call, card.id);
  worker.ask("close", [card.id]);
}

// hints

/** @param {File} file */
const isHints = (file) => file.name.endsWith(HINTS_SUFFIX);

/** @param {Card} card */
function startEditing(card) {
  const pair = find(card.element, ".pair");
  card.editor = new Editor(copyOf("editor"), pair, card.hints, {
    change: (hints) => useHints(card, hints),
    suggest: async (x, y) => (await queue).ask("suggest", [card.id, x, y], () => REDRAW + VISIBLE),
    colorAt: (x, y) => colorAt(/** @type {HTMLImageElement} */ (find(pair, "img + img")), x, y),
    save: () => saveHints(card),
  });
  find(card.element, ".stage").after(card.editor.tools);
  find(card.element, ".correct").setAttribute("aria-pressed", "true");
}

/** @param {Card} card */
function endEditing(card) {
  card.editor?.close();
  card.editor = undefined;
  find(card.element, ".correct").setAttribute("aria-pressed", "false");
}

/**
 * @param {Card} card
 * @param {Hint[]} hints
 */
async function useHints(card, hints) {
  card.hints = hints;
  if (card.state !== "done") return; // it is told when it is opened
  const worker = await queue;
  worker.drop("hint", card.id);
  const told = worker.ask("hint", [card.id, hints], () => SAVE);
  card.element.setAttribute("aria-busy", "true");
  try {
    await told;
    await redraw(card);
  } catch (error) {
    showState(`${card.file.name}: ${/** @type {Error} */ (error).message}`);
  } finally {
    if (card.hints === hints) card.element.removeAttribute("aria-busy");
  }
}

/**
 * The colour of a picture at a place, as `#rrggbb`.
 * @param {HTMLImageElement} image
 * @param {number} x
 * @param {number} y
 */
function colorAt(image, x, y) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { naturalHeight, naturalWidth } = image;
  const [left, top] = [Math.min(x * naturalWidth, naturalWidth - 1), Math.min(y * naturalHeight, naturalHeight - 1)];
  context.drawImage(image, left, top, 1, 1, 0, 0, 1, 1);
  const { data } = context.getImageData(0, 0, 1, 1);
  return `#${[...data.subarray(0, 3)].map((sample) => sample.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * A CSS colour as `#rrggbb`; empty where it is none, or transparent.
 * @param {string} color
 */
function asHex(color) {
  const context = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  context.fillStyle = color;
  const isColor = CSS.supports("color", color) && context.fillStyle.startsWith("#");
  return isColor ? context.fillStyle : "";
}

/** @param {File} file */
async function loadHints(file) {
  const name = file.name.slice(0, -HINTS_SUFFIX.length);
  const found = [...cards.values()].filter((card) => card.file.name === name);
  try {
    if (!found.length) throw new Error(`no photograph ${name} is here`);
    await queue;
    if (!takesHints) throw new Error("the model takes no hints");
    const hints = readHints(await file.text(), asHex);
    for (const card of found) {
      if (card.editor) card.editor.set(hints);
      else await useHints(card, hints);
    }
    showState(`${file.name}: ${hints.length} ${hints.length === 1 ? "place" : "places"}.`);
  } catch (error) {
    showState(`${file.name}: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {Card} card */
function hintsBlob({ hints, size }) {
  return new Blob([fileContent(hints, ...size)], { type: "application/json" });
}

/** @param {Card} card */
function saveHints(card) {
  save(hintsBlob(card), card.file.name + HINTS_SUFFIX);
  showState(`${card.file.name}${HINTS_SUFFIX} is downloaded: put it beside the photograph for colorize-batch.`);
}

// what is said

/** @param {string} [message] instead of the usual */
function showState(message) {
  const all = [...cards.values()];
  const done = all.filter(({ state }) => state === "done").length;
  const failed = all.filter(({ state }) => state === "failed").length;
  const working = done + failed < all.length;
  byId("bar").hidden = !all.length;
  button("save-all").disabled = !done || working || saving;
  showProgress(working, done + failed, all.length);
  byId("status").textContent = message ?? summary(all.length, done, failed);
}

/**
 * @param {number} all
 * @param {number} done
 * @param {number} failed
 */
function summary(all, done, failed) {
  if (loadError) return loadError;
  if (!device) return "Loading the model…";
  if (!all) return "Ready.";
  const failures = failed ? `, ${failed} could not be` : "";
  return done + failed < all ? `${done + failed} of ${counted(all)} done` : `${counted(done)} colorized${failures}.`;
}

/**
 * @param {boolean} shown
 * @param {number} value
 * @param {number} max
 */
function showProgress(shown, value, max) {
  const bar = /** @type {HTMLProgressElement} */ (byId("progress"));
  bar.hidden = !shown;
  bar.max = Math.max(max, 1);
  bar.value = value;
}

// saving

/** @param {Card} card */
async function render(card) {
  const worker = await queue;
  return worker.ask("render", [card.id, settings()], () => SAVE);
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // ms; the browser has opened it by then
}

/**
 * The name a result is saved by: PNG unless it was JPEG.
 * @param {File} file
 * @param {Blob} result
 */
function savedName(file, result) {
  return result.type === file.type ? file.name : file.name.replace(/(\.[^.]*)?$/, ".png");
}

/** @param {Card} card */
async function saveOne(card) {
  showState(`Colorizing ${card.file.name} at full size…`);
  try {
    const result = await render(card);
    save(result, savedName(card.file, result));
    showState(`${card.file.name} is downloaded.`);
  } catch (error) {
    showState(`${card.file.name}: ${/** @type {Error} */ (error).message}`);
  }
}

/**
 * Colorize all at full size, one after the other, each when the archive has room for it.
 * @param {string[]} failures becomes the names of those that failed
 */
async function* results(failures) {
  const done = [...cards.values()].filter(({ state }) => state === "done");
  const names = new Set();
  for (const [index, card] of done.entries()) {
    if (!cards.has(card.id)) continue; // removed meanwhile
    showState(`Colorizing ${index + 1} of ${done.length} at full size…`);
    showProgress(true, index, done.length);
    try {
      const result = await render(card);
      yield { name: unique(savedName(card.file, result), names), input: result };
      if (card.hints.length) {
        yield { name: unique(card.file.name + HINTS_SUFFIX, names), input: hintsBlob(card) };
      }
    } catch (error) {
      if (cards.has(card.id)) failures.push(`${card.file.name} (${/** @type {Error} */ (error).message})`);
    }
  }
}

/**
 * @param {string} name
 * @param {Set<string>} taken
 */
function unique(name, taken) {
  let free = name;
  for (let number = 1; taken.has(free); number += 1) free = name.replace(/(\.[^.]*)?$/, `-${number}$&`);
  taken.add(free);
  return free;
}

async function saveAll() {
  /** @type {string[]} */
  const failures = [];
  let said = "";
  saving = true;
  try {
    save(await downloadZip(results(failures)).blob(), "colorized.zip");
    said = failures.length ? `Not in the archive: ${failures.join(", ")}` : "The archive is downloaded.";
  } catch (error) {
    said = `The archive could not be made: ${/** @type {Error} */ (error).message}`;
  }
  saving = false;
  showState(said);
}

// what the user does

input("files").addEventListener("change", ({ target }) => {
  const { files } = /** @type {HTMLInputElement} */ (target);
  addFiles([...(files ?? [])]);
  input("files").value = ""; // the same file may be chosen again
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("dropping", kind === "dragenter" || kind === "dragover");
  });
}
document.addEventListener("drop", ({ dataTransfer }) => addFiles([...(dataTransfer?.files ?? [])]));
document.addEventListener("paste", ({ clipboardData }) => addFiles([...(clipboardData?.files ?? [])]));

let changed = 0;
for (const id of ["strength", "saturation"]) {
  input(id).addEventListener("input", () => {
    byId(`${id}-value`).textContent = input(id).valueAsNumber.toFixed(2);
    clearTimeout(changed);
    changed = setTimeout(redrawAll, TYPING);
  });
}

function redrawAll() {
  for (const card of cards.values()) if (card.state === "done") redraw(card);
}

button("save-all").addEventListener("click", saveAll);
button("remove-all").addEventListener("click", () => {
  for (const card of cards.values()) removeCard(card, false);
  input("files").focus();
});
