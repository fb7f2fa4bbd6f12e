/** Correcting one photograph: places with colours, over its picture. */

/** @import { Hint } from "./hints.js" */

const STEP = 0.01; // of the picture's sides, for an arrow key
const LEAP = 5; // times as far with the shift key

/**
 * @typedef {object} Owner what the page does for an editor
 * @property {(hints: Hint[]) => void} change
 * @property {(x: number, y: number) => Promise<string[]>} suggest
 * @property {(x: number, y: number) => string} colorAt of the picture as it is shown
 * @property {(hints: Hint[]) => void} save
 */

/** Places, tools and keys; the hints are those of `hints`. */
export class Editor {
  /**
   * @param {HTMLElement} tools a copy of the page's template
   * @param {HTMLElement} pair the pictures
   * @param {Hint[]} hints
   * @param {Owner} owner
   */
  constructor(tools, pair, hints, owner) {
    this.tools = tools;
    this.pair = pair;
    this.owner = owner;
    this.hints = hints;
    /** @type {Hint[][]} */
    this.undone = [];
    /** @type {Hint[][]} */
    this.done = [];
    this.selected = -1;
    this.places = document.createElement("div");
    this.places.className = "places";
    pair.classList.add("editing");
    pair.append(this.places);
    this.places.addEventListener("click", (event) => this.choosePlace(event));
    this.listen();
    this.show();
  }

  listen() {
    const on = (/** @type {string} */ name, /** @type {() => void} */ action) =>
      this.find(`.${name}`).addEventListener("click", action);
    on("add", () => this.addPlace(0.5, 0.5));
    on("undo", () => this.step(this.done, this.undone));
    on("redo", () => this.step(this.undone, this.done));
    on("delete", () => this.deletePlace());
    on("dropper", () => this.setDropping(!this.dropping));
    on("save-hints", () => this.owner.save(this.hints));
    this.find("input").addEventListener("change", ({ target }) =>
      this.setColor(/** @type {HTMLInputElement} */ (target).value),
    );
    for (const element of [this.tools, this.places]) {
      element.addEventListener("keydown", (event) => this.press(event));
    }
  }

  /** @param {string} selector */
  find(selector) {
    return /** @type {HTMLButtonElement} */ (this.tools.querySelector(selector));
  }

  /** Take the pictures back as they were. */
  close() {
    this.pair.classList.remove("editing");
    this.places.remove();
    this.tools.remove();
  }

  // hints

  /**
   * Have other hints, which can be undone.
   * @param {Hint[]} hints
   */
  set(hints) {
    this.done.push(this.hints);
    this.undone = [];
    this.use(hints);
  }

  /** @param {Hint[]} hints */
  use(hints) {
    this.hints = hints;
    this.selected = Math.min(this.selected, hints.length - 1);
    this.show();
    this.owner.change(hints);
  }

  /**
   * Undo or redo.
   * @param {Hint[][]} from
   * @param {Hint[][]} to
   */
  step(from, to) {
    const hints = from.pop();
    if (!hints) return;
    to.push(this.hints);
    this.use(hints);
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  addPlace(x, y) {
    this.selected = this.hints.length;
    this.set([...this.hints, { x, y, color: this.owner.colorAt(x, y) }]);
    this.suggest();
    this.focusPlace();
  }

  deletePlace() {
    this.set(this.hints.filter((_, index) => index !== this.selected));
    if (this.selected >= 0) this.focusPlace();
    else this.find(".add").focus();
  }

  /** @param {string} color */
  setColor(color) {
    if (color !== this.hints[this.selected].color) this.replace({ color });
  }

  /** @param {Partial<Hint>} changes of the selected place */
  replace(changes) {
    this.set(this.hints.map((hint, index) => (index === this.selected ? { ...hint, ...changes } : hint)));
  }

  // what is shown

  show() {
    this.places.replaceChildren(...this.hints.map((hint, index) => this.placeOf(hint, index)));
    this.find(".choices").hidden = this.selected < 0;
    this.find(".undo").disabled = !this.done.length;
    this.find(".redo").disabled = !this.undone.length;
    this.find(".save-hints").disabled = !this.hints.length;
    const hint = this.hints[this.selected];
    if (hint) /** @type {HTMLInputElement} */ (this.tools.querySelector("input")).value = hint.color;
  }

  /**
   * @param {Hint} hint
   * @param {number} index
   */
  placeOf(hint, index) {
    const place = document.createElement("button");
    const [left, top] = [hint.x, hint.y].map((share) => `${(100 * share).toFixed(1)}%`);
    place.type = "button";
    place.className = "place";
    Object.assign(place.style, { left, top, background: hint.color });
    place.setAttribute("aria-label", `Place ${index + 1}: ${left} from the left, ${top} from above, ${hint.color}`);
    place.setAttribute("aria-pressed", String(index === this.selected));
    place.addEventListener("click", (event) => {
      event.stopPropagation();
      this.select(index);
    });
    place.addEventListener("pointerdown", (event) => this.drag(event, place, index));
    return place;
  }

  /** @param {number} index */
  select(index) {
    this.selected = index;
    this.show();
    this.suggest();
    this.focusPlace();
  }

  focusPlace() {
    /** @type {HTMLElement} */ (this.places.children[this.selected]).focus();
  }

  /** Offer the colours that are plausible at the selected place. */
  async suggest() {
    const { hints, selected } = this;
    const { x, y } = hints[selected];
    const colors = await this.owner.suggest(x, y);
    if (this.selected !== selected) return;
    for (const old of this.tools.querySelectorAll(".swatch")) old.remove();
    this.find(".choices").prepend(...colors.map((color) => this.swatchOf(color)));
  }

  /** @param {string} color */
  swatchOf(color) {
    const swatch = document.createElement("button");
    swatch.type = "button";
    swatch.className = "swatch";
    swatch.style.background = color;
    swatch.setAttribute("aria-label", `Colour ${color}`);
    swatch.addEventListener("click", () => this.setColor(color));
    return swatch;
  }

  // pointer and keys

  /** @param {{clientX: number, clientY: number}} event */
  shares({ clientX, clientY }) {
    const { height, left, top, width } = this.places.getBoundingClientRect();
    return [(clientX - left) / width, (clientY - top) / height].map((share) => Math.min(Math.max(share, 0), 1));
  }

  /** @param {MouseEvent} event */
  choosePlace(event) {
    const [x, y] = this.shares(event);
    if (!this.dropping) return this.addPlace(x, y);
    this.setDropping(false);
    this.setColor(this.owner.colorAt(x, y));
  }

  get dropping() {
    return this.find(".dropper").getAttribute("aria-pressed") === "true";
  }

  /** @param {boolean} dropping */
  setDropping(dropping) {
    this.find(".dropper").setAttribute("aria-pressed", String(dropping));
  }

  /**
   * @param {PointerEvent} event
   * @param {HTMLElement} place
   * @param {number} index
   */
  drag(event, place, index) {
    const start = this.shares(event);
    let at = start;
    place.setPointerCapture(event.pointerId);
    place.onpointermove = (moved) => {
      at = this.shares(moved);
      Object.assign(place.style, { left: `${100 * at[0]}%`, top: `${100 * at[1]}%` });
    };
    place.onpointerup = () => {
      place.onpointermove = place.onpointerup = null;
      if (at === start) return;
      this.selected = index;
      this.replace({ x: at[0], y: at[1] });
    };
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const { ctrlKey, key, metaKey, shiftKey } = event;
    const place = [...this.places.children].indexOf(/** @type {HTMLElement} */ (event.target));
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    if ((ctrlKey || metaKey) && key.toLowerCase() === "z") {
      if (shiftKey) this.step(this.undone, this.done);
      else this.step(this.done, this.undone);
    } else if (place >= 0 && arrow) {
      this.selected = place;
      const { x, y } = this.hints[place];
      const far = STEP * (shiftKey ? LEAP : 1);
      const [newX, newY] = [x + far * arrow[0], y + far * arrow[1]].map((share) => Math.min(Math.max(share, 0), 1));
      this.replace({ x: newX, y: newY });
      this.focusPlace();
    } else if (place >= 0 && (key === "Delete" || key === "Backspace")) {
      this.selected = place;
      this.deletePlace();
    } else {
      return;
    }
    event.preventDefault();
  }
}
