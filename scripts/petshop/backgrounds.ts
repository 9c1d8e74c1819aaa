/** Ten procedural backgrounds, none of them telling which animal stands before it. */
import type { Random } from "../../src/random/random";

/** RGB, 0 to 1, of a place in pixels. */
export type Paint = (x: number, y: number) => readonly [number, number, number];

type Colour = readonly [number, number, number];

export const between = (random: Random, low: number, high: number): number => low + (high - low) * random.uniform();

const colour = (random: Random, low = 0.1, high = 0.95): Colour => [
  between(random, low, high),
  between(random, low, high),
  between(random, low, high),
];
/** A colour near another one. */
const near = (random: Random, [r, g, b]: Colour, by: number): Colour => [
  r + between(random, -by, by),
  g + between(random, -by, by),
  b + between(random, -by, by),
];
const mix = (a: Colour, b: Colour, share: number): Colour => [
  a[0] + (b[0] - a[0]) * share,
  a[1] + (b[1] - a[1]) * share,
  a[2] + (b[2] - a[2]) * share,
];

/** Smooth noise from 0 to 1: random numbers on a lattice, cosines between them. */
function smoothNoise(random: Random, cell: number): (x: number, y: number) => number {
  const side = 32;
  const lattice = Float64Array.from({ length: side * side }, () => random.uniform());
  const at = (x: number, y: number) => lattice[(((y % side) + side) % side) * side + (((x % side) + side) % side)];
  const ease = (t: number) => t * t * (3 - 2 * t);
  return (x, y) => {
    const [u, v] = [x / cell, y / cell];
    const [i, j] = [Math.floor(u), Math.floor(v)];
    const [s, t] = [ease(u - i), ease(v - j)];
    const top = at(i, j) + (at(i + 1, j) - at(i, j)) * s;
    return top + (at(i, j + 1) + (at(i + 1, j + 1) - at(i, j + 1)) * s - top) * t;
  };
}

function gradient(random: Random): Paint {
  const [a, b, angle] = [colour(random), colour(random), between(random, 0, 2 * Math.PI)];
  return (x, y) => mix(a, b, 0.5 + ((x / 96 - 0.5) * Math.cos(angle) + (y / 96 - 0.5) * Math.sin(angle)) * 0.7);
}

function cage(random: Random): Paint {
  const [behind, bar] = [gradient(random), colour(random, 0.3, 0.85)];
  const [step, width, shift] = [between(random, 8, 18), between(random, 1.5, 4), between(random, 0, 18)];
  const lying = random.uniform() < 0.6;
  return (x, y) => {
    const isBar = (x + shift) % step < width || (lying && (y + shift) % (2.5 * step) < width);
    return isBar ? mix(bar, [1, 1, 1], 0.3 * Math.abs(Math.sin((x + shift) / width))) : behind(x, y);
  };
}

function grass(random: Random): Paint {
  const low: Colour = [between(random, 0.05, 0.3), between(random, 0.35, 0.6), between(random, 0.05, 0.25)];
  const high: Colour = [between(random, 0.3, 0.6), between(random, 0.65, 0.9), between(random, 0.1, 0.4)];
  const [blades, patches] = [smoothNoise(random, 2), smoothNoise(random, 20)];
  return (x, y) => mix(low, high, 0.6 * blades(x, y / 4) + 0.4 * patches(x, y));
}

function water(random: Random): Paint {
  const low: Colour = [between(random, 0, 0.2), between(random, 0.25, 0.5), between(random, 0.5, 0.8)];
  const high: Colour = [between(random, 0.3, 0.6), between(random, 0.6, 0.9), between(random, 0.8, 1)];
  const [waves, length] = [smoothNoise(random, 14), between(random, 4, 9)];
  return (x, y) => mix(low, high, 0.5 + 0.5 * Math.sin(y / length + 5 * waves(x, y)));
}

function shelf(random: Random): Paint {
  const [wall, board] = [colour(random, 0.4, 0.95), colour(random, 0.15, 0.6)];
  const [step, width, shift] = [between(random, 22, 42), between(random, 3, 7), between(random, 0, 40)];
  return (x, y) =>
    (y + shift) % step < width ? board : mix(wall, board, 0.25 * (((y + shift) % step) / step) + x / 900);
}

function wood(random: Random): Paint {
  const dark: Colour = [between(random, 0.25, 0.5), between(random, 0.15, 0.3), between(random, 0.05, 0.2)];
  const light: Colour = [between(random, 0.55, 0.8), between(random, 0.4, 0.6), between(random, 0.2, 0.4)];
  const [grain, plank] = [smoothNoise(random, 12), between(random, 14, 30)];
  return (x, y) =>
    y % plank < 1.2 ? dark : mix(dark, light, 0.5 + 0.5 * Math.sin(8 * grain(x / 5, y + 40 * Math.floor(y / plank))));
}

function noise(random: Random): Paint {
  const [a, b, spread] = [colour(random), colour(random), between(random, 0.1, 0.35)];
  const slow = smoothNoise(random, 24);
  return (x, y) => near(random, mix(a, b, slow(x, y)), spread);
}

function stripes(random: Random): Paint {
  const [a, b] = [colour(random), colour(random)];
  const [angle, step] = [between(random, 0, Math.PI), between(random, 8, 26)];
  return (x, y) => {
    const along = x * Math.cos(angle) + y * Math.sin(angle);
    return along - step * Math.floor(along / step) < step / 2 ? a : b;
  };
}

function blobs(random: Random): Paint {
  const ground = colour(random);
  const circles = Array.from({ length: 6 + Math.floor(random.uniform() * 10) }, () => ({
    x: between(random, 0, 96),
    y: between(random, 0, 96),
    radius: between(random, 4, 18),
    colour: colour(random),
  }));
  return (x, y) => circles.find((c) => (x - c.x) ** 2 + (y - c.y) ** 2 < c.radius ** 2)?.colour ?? ground;
}

function tiles(random: Random): Paint {
  const [a, b, joint] = [colour(random), colour(random), colour(random)];
  const [step, apart] = [between(random, 12, 28), between(random, 0, 1)];
  return (x, y) => {
    if (x % step < 1.5 || y % step < 1.5) return joint;
    return mix(a, b, (Math.floor(x / step) + Math.floor(y / step)) % 2 === 0 ? 0 : apart);
  };
}

const kinds = { cage, grass, water, shelf, wood, noise, gradient, stripes, blobs, tiles } as const;

export type Background = keyof typeof kinds;

export const backgrounds = Object.keys(kinds) as readonly Background[];

export const paintBackground = (kind: Background, random: Random): Paint => kinds[kind](random);
