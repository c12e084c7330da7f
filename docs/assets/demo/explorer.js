// The demo: choose a digit, move over the plane of the two latents, see what the decoder draws there.

import { SIDE, decode, readWeights } from "./decoder.js";

const EDGE = 2; // the plane reaches from -2 to 2 in both latents
const TILES = 11;
const clamp = (value) => Math.min(EDGE, Math.max(-EDGE, value));
const signed = (value) => (value < -0.004 ? "−" : "") + Math.abs(value).toFixed(2);

/** Fetch the weights that lie beside the picture, then put the demo in the picture's place. */
export async function startExplorer(place) {
  const picture = place.querySelector("img");
  const [layout, buffer] = await Promise.all([
    fetched(new URL("decoder.json", picture.src)).then((response) => response.json()),
    fetched(new URL("decoder.bin", picture.src)).then((response) => response.arrayBuffer()),
  ]);
  new Explorer(place, readWeights(buffer, layout));
}

async function fetched(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address.pathname} answers ${response.status}`);
  return response;
}

/** An element with attributes and children. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

class Explorer {
  digit = 4;
  z = [0, 0];

  constructor(place, weights) {
    this.weights = weights;
    this.place = place;
    this.build(place);
    this.listen();
    this.drawTiles();
    this.draw();
    this.say();
  }

  build(place) {
    this.radios = Array.from({ length: 10 }, (_, digit) =>
      make("input", { type: "radio", name: "explorer-digit", value: digit, ...(digit === this.digit && { checked: "" }) }),
    );
    const choices = this.radios.map((radio, digit) => make("label", {}, radio, make("span", {}, String(digit))));
    this.ranges = ["z₁", "z₂"].map((name) =>
      make("input", { type: "range", min: -EDGE, max: EDGE, step: 0.05, value: 0, "aria-label": `latent ${name}` }),
    );
    this.numbers = this.ranges.map(() => make("span", { class: "explorer-number", "aria-hidden": "true" }));
    const sliders = this.ranges.map((range, i) =>
      make("label", { class: "explorer-slider" }, make("span", { "aria-hidden": "true" }, `z${"₁₂"[i]}`), range, this.numbers[i]),
    );
    this.tiles = make("canvas", { width: TILES * SIDE, height: TILES * SIDE });
    this.dot = make("span", { class: "explorer-dot" });
    this.plane = make("div", { class: "explorer-plane", "aria-hidden": "true" }, this.tiles, this.dot);
    this.result = make("canvas", { class: "explorer-result", role: "img", width: SIDE, height: SIDE });
    this.output = make("output", { class: "explorer-output" });
    const controls = make("div", { class: "explorer-side" }, this.result, ...sliders, this.output);
    place.querySelector("img").closest("p, figure, picture")?.setAttribute("hidden", "");
    place.prepend(
      make("div", { class: "explorer-live", role: "group", "aria-label": "The decoder, live" },
        make("fieldset", { class: "explorer-digits" }, make("legend", {}, "Digit"), ...choices),
        make("div", { class: "explorer-stage" }, this.plane, controls)),
    );
  }

  listen() {
    for (const radio of this.radios) radio.addEventListener("change", () => this.show({ digit: Number(radio.value) }));
    this.ranges.forEach((range, i) => {
      range.addEventListener("input", () => this.show({ [`z${i + 1}`]: range.valueAsNumber }, false));
      range.addEventListener("change", () => this.say());
    });
    this.plane.addEventListener("pointerdown", (event) => {
      this.plane.setPointerCapture(event.pointerId);
      this.follow(event);
    });
    this.plane.addEventListener("pointermove", (event) => event.buttons && this.follow(event));
    this.plane.addEventListener("pointerup", () => this.say());
    for (const link of document.querySelectorAll("a[data-digit], a[data-z1], a[data-z2]"))
      link.addEventListener("click", (event) => this.obey(event, link));
    const repaint = () => (this.drawTiles(), this.draw());
    new MutationObserver(repaint).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
    matchMedia("print").addEventListener("change", repaint);
  }

  /** The pointer's place on the plane, at most once a frame. */
  follow(event) {
    const { left, top, width, height } = this.plane.getBoundingClientRect();
    this.wanted = {
      z1: ((event.clientX - left) / width - 0.5) * 2 * EDGE,
      z2: (0.5 - (event.clientY - top) / height) * 2 * EDGE,
    };
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.show(this.wanted, false);
    });
  }

  /** A link in the prose sets the demo instead of leading to it. */
  obey(event, link) {
    event.preventDefault();
    const { digit = this.digit, z1 = this.z[0], z2 = this.z[1] } = link.dataset;
    this.show({ digit: Number(digit), z1: Number(z1), z2: Number(z2) });
    this.place.scrollIntoView({ block: "nearest" });
  }

  show({ digit = this.digit, z1 = this.z[0], z2 = this.z[1] }, aloud = true) {
    const other = digit !== this.digit;
    this.digit = digit;
    this.z = [clamp(z1), clamp(z2)];
    this.radios[digit].checked = true;
    this.ranges.forEach((range, i) => (range.value = this.z[i]));
    if (other) this.drawTiles();
    this.draw();
    if (aloud) this.say();
  }

  /** The digit at this place, large, and the dot on the plane. */
  draw() {
    paint(this.result, decode(this.weights, this.digit, ...this.z), 0, 0, 1);
    const [z1, z2] = this.z;
    this.result.setAttribute("aria-label", `Decoder output for digit ${this.digit} at z = (${signed(z1)}, ${signed(z2)})`);
    this.dot.style.left = `${50 + (50 * z1) / EDGE}%`;
    this.dot.style.top = `${50 - (50 * z2) / EDGE}%`;
    this.numbers.forEach((number, i) => (number.textContent = signed(this.z[i])));
  }

  /** For screen readers, when a movement has ended and not at every frame of it. */
  say() {
    this.output.textContent = `A ${this.digit} at z₁ = ${signed(this.z[0])}, z₂ = ${signed(this.z[1])}`;
  }

  /** The digit all over the plane, a column a frame, so that one sees where to go. */
  drawTiles(column = 0) {
    cancelAnimationFrame(this.tiling);
    if (column === TILES) return;
    const at = (step) => ((2 * step + 1) / TILES - 1) * EDGE;
    for (let row = 0; row < TILES; row++)
      paint(this.tiles, decode(this.weights, this.digit, at(column), -at(row)), column * SIDE, row * SIDE, 0.5);
    this.tiling = requestAnimationFrame(() => this.drawTiles(column + 1));
  }
}

/** Paint a digit: the page's own ink, as dense as the pixel is likely. */
function paint(canvas, ink, left, top, strength) {
  const context = canvas.getContext("2d");
  const [red, green, blue] = getComputedStyle(canvas).color.match(/[\d.]+/g).map(Number);
  const image = context.createImageData(SIDE, SIDE);
  for (let i = 0; i < ink.length; i++) image.data.set([red, green, blue, 255 * strength * ink[i]], 4 * i);
  context.putImageData(image, left, top);
}
