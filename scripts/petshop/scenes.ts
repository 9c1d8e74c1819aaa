/**
 * Pet-shop scenes: animals on procedural backgrounds. As each scene is composed, the place of every animal is known to the
 * pixel. Everything that differs between scenes comes from the random numbers.
 */
import type { Random } from "../../src/random/random";
import { type Background, backgrounds, between, paintBackground } from "./backgrounds";
import type { Drawing, Level } from "./drawings";
import { labels } from "./labels";

export const side = 96;

export interface Animal {
  readonly label: number;
  readonly artwork: string;
  /** 1 where the animal is seen, row by row. */
  readonly mask: Uint8Array;
  /** Left, top, right and bottom of what is seen of it, in pixels; right and bottom are the first without it. */
  readonly box: readonly [left: number, top: number, right: number, bottom: number];
}

export interface Scene {
  /** RGB, row by row. */
  readonly pixels: Uint8Array;
  readonly background: Background;
  readonly animals: readonly Animal[];
}

export interface SceneOptions {
  /** Labels of the animals, from the back to the front. */
  readonly labels: readonly number[];
  /** Shares of the frame between which the long side of an animal lies. */
  readonly size: readonly [least: number, most: number];
  readonly background?: Background;
}

/** So many different scenes of one animal, in turns of the labels. */
export const singleAnimal = (index: number): SceneOptions => ({ labels: [index % labels.length], size: [0.35, 0.75] });

/** One to four animals, the smaller the more. */
export function severalAnimals(random: Random): SceneOptions {
  const count = [1, 1, 2, 2, 2, 3, 3, 4][Math.floor(random.uniform() * 8)];
  return {
    labels: Array.from({ length: count }, () => Math.floor(random.uniform() * labels.length)),
    size: count === 1 ? [0.25, 0.75] : count === 2 ? [0.22, 0.55] : [0.2, 0.45],
  };
}

/** What is seen of an animal that another one partly hides must be this share of it. */
const leastSeen = 0.75;

export function makeScene(artwork: readonly Drawing[], random: Random, options: SceneOptions): Scene {
  for (;;) {
    const scene = tryScene(artwork, random, options);
    if (scene) return scene;
  }
}

function tryScene(artwork: readonly Drawing[], random: Random, options: SceneOptions): Scene | undefined {
  const background = options.background ?? backgrounds[Math.floor(random.uniform() * backgrounds.length)];
  const paint = paintBackground(background, random);
  const canvas = new Float32Array(side * side * 3);
  for (let i = 0; i < side * side; i++) canvas.set(paint(i % side, Math.floor(i / side)), i * 3);
  const things = random.uniform() < 0.6 ? 1 + Math.floor(random.uniform() * 3) : 0;
  for (let i = 0; i < things; i++) place(canvas, oneOf(artwork, random, -1), random, [0.15, 0.35], true);
  const placed = options.labels.map((label) => {
    const drawing = oneOf(artwork, random, label);
    return { drawing, mask: place(canvas, drawing, random, options.size, false) };
  });
  const seen = placed.map(({ drawing, mask }, i): Animal | undefined => {
    const visible = mask.map((on, at) => (on && !placed.slice(i + 1).some((front) => front.mask[at]) ? 1 : 0));
    if (count(visible) < leastSeen * count(mask)) return undefined;
    return { label: drawing.label, artwork: drawing.name, mask: visible, box: boxOf(visible) };
  });
  const animals = seen.filter((animal) => animal !== undefined);
  if (animals.length < placed.length) return undefined;
  return { pixels: finish(canvas, random), background, animals };
}

const count = (mask: Uint8Array): number => mask.reduce((sum, on) => sum + on, 0);

/** One of the drawings of a label; each name of the drawings as likely, whatever set it is of. */
function oneOf(artwork: readonly Drawing[], random: Random, label: number): Drawing {
  const fitting = artwork.filter((drawing) => drawing.label === label);
  return fitting[Math.floor(random.uniform() * fitting.length)];
}

/** Draws something at a random place, turned, stretched and recoloured; returns where it is. */
function place(
  canvas: Float32Array,
  drawing: Drawing,
  random: Random,
  [least, most]: readonly [number, number],
  mayLeave: boolean,
): Uint8Array {
  const mask = new Uint8Array(side * side);
  const recolour = recolouring(random);
  const length = between(random, least, most) * side;
  const aspect = Math.exp(between(random, -0.12, 0.12));
  const angle = (between(random, -25, 25) * Math.PI) / 180;
  const flip = random.uniform() < 0.5 ? -1 : 1;
  const [width, height] = [length * Math.min(1, aspect), length * Math.min(1, 1 / aspect)];
  const margin = mayLeave ? -length / 4 : length / 2;
  const [x0, y0] = [between(random, margin, side - margin), between(random, margin, side - margin)];
  const level = drawing.levels.findLast(({ size }) => size >= length) ?? drawing.levels[0];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const sample = new Float64Array(4);
  // No part of it is farther from its centre.
  const reach = length * Math.SQRT1_2;
  for (let y = Math.max(0, Math.floor(y0 - reach)); y < Math.min(side, y0 + reach); y++) {
    for (let x = Math.max(0, Math.floor(x0 - reach)); x < Math.min(side, x0 + reach); x++) {
      sample.fill(0);
      // Four points of each pixel.
      for (let part = 0; part < 4; part++) {
        const [dx, dy] = [x + 0.25 + 0.5 * (part & 1) - x0, y + 0.25 + 0.5 * (part >> 1) - y0];
        const u = (flip * (dx * cos + dy * sin)) / width + 0.5;
        const v = (dy * cos - dx * sin) / height + 0.5;
        addSample(sample, level, u, v);
      }
      const alpha = sample[3];
      if (alpha <= 0) continue;
      const [r, g, b] = recolour(sample[0] / alpha, sample[1] / alpha, sample[2] / alpha);
      const at = y * side + x;
      [r, g, b].forEach((value, c) => {
        canvas[at * 3 + c] += (value - canvas[at * 3 + c]) * alpha;
      });
      if (alpha >= 0.5) mask[at] = 1;
    }
  }
  return mask;
}

/** Adds a quarter of what a drawing has at a place, between its pixels. */
function addSample(sum: Float64Array, { size, rgba }: Level, u: number, v: number): void {
  const [x, y] = [u * size - 0.5, v * size - 0.5];
  const [i, j] = [Math.floor(x), Math.floor(y)];
  if (i < -1 || j < -1 || i >= size || j >= size) return;
  for (let corner = 0; corner < 4; corner++) {
    const [column, row] = [i + (corner & 1), j + (corner >> 1)];
    if (column < 0 || row < 0 || column >= size || row >= size) continue;
    const weight = ((corner & 1 ? x - i : 1 - x + i) * (corner >> 1 ? y - j : 1 - y + j)) / 4;
    for (let c = 0; c < 4; c++) sum[c] += weight * rgba[(row * size + column) * 4 + c];
  }
}

/** Turns the hue in YIQ, and changes saturation and brightness. */
function recolouring(random: Random): (r: number, g: number, b: number) => readonly [number, number, number] {
  const hue = random.uniform() < 0.12 ? between(random, 0, 2 * Math.PI) : 0.35 * random.normal();
  const [saturation, brightness] = [between(random, 0.3, 1.3), between(random, 0.65, 1.3)];
  const [cos, sin] = [saturation * Math.cos(hue), saturation * Math.sin(hue)];
  return (r, g, b) => {
    const y = 0.299 * r + 0.587 * g + 0.114 * b;
    const i = 0.596 * r - 0.274 * g - 0.322 * b;
    const q = 0.211 * r - 0.523 * g + 0.312 * b;
    const [turnedI, turnedQ] = [i * cos - q * sin, i * sin + q * cos];
    return [
      brightness * (y + 0.956 * turnedI + 0.621 * turnedQ),
      brightness * (y - 0.272 * turnedI - 0.647 * turnedQ),
      brightness * (y - 1.106 * turnedI + 1.703 * turnedQ),
    ];
  };
}

/** Contrast, brightness and noise of the whole picture; bytes. */
function finish(canvas: Float32Array, random: Random): Uint8Array {
  const [contrast, brightness] = [between(random, 0.75, 1.2), between(random, -0.1, 0.1)];
  const grain = between(random, 0, 0.05);
  // Of variance 1, and quicker made than normal ones.
  const noise = (): number => (random.uniform() + random.uniform() - 1) * Math.sqrt(6);
  const pixels = new Uint8Array(canvas.length);
  for (let i = 0; i < canvas.length; i++) {
    const shown = (Math.min(1, Math.max(0, canvas[i])) - 0.5) * contrast + 0.5 + brightness;
    pixels[i] = Math.round(255 * Math.min(1, Math.max(0, shown + grain * noise())));
  }
  return pixels;
}

function boxOf(mask: Uint8Array): Animal["box"] {
  let [left, top, right, bottom] = [side, side, 0, 0];
  mask.forEach((on, at) => {
    if (!on) return;
    const [x, y] = [at % side, Math.floor(at / side)];
    [left, top] = [Math.min(left, x), Math.min(top, y)];
    [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
  });
  return [left, top, right, bottom];
}
