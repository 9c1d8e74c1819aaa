import { readFileSync } from "node:fs";
import { decodeImage, type ImageLike } from "../../dist/index.js";
import { Random } from "../../src/random/random";

/** An animal cut out of one of the bundled scenes. */
interface Sprite {
  readonly image: ImageLike;
  readonly mask: ImageLike;
}

const cutouts = ["cage-dog-02", "lawn-cat-02", "scene-fish-02", "scene-rabbit-02", "scene-snake-01", "scene-turtle-02"];

const loadSprites = (): Promise<Sprite[]> =>
  Promise.all(
    cutouts.map(async (name) => {
      const read = (file: string): Promise<ImageLike> => decodeImage(readFileSync(`examples/images/${file}.png`));
      return { image: await read(name), mask: await read(`${name}.mask`) };
    }),
  );

const side = 96;

/**
 * Makes pet-shop scenes, the same for the same number: two colours in stripes, squares or noise, shapes, and one to three of the
 * bundled scenes' animals, moved, mirrored and scaled.
 */
export async function sceneMaker(): Promise<(index: number) => { id: string; image: ImageLike }> {
  const sprites = await loadSprites();
  return (index) => {
    const random = new Random(index);
    const data = new Uint8Array(side * side * 3);
    paintBackground(data, random);
    for (let shapes = Math.floor(4 * random.uniform()); shapes > 0; shapes--) paintShape(data, random);
    for (let animals = 1 + Math.floor(3 * random.uniform()); animals > 0; animals--)
      paintSprite(data, sprites[Math.floor(sprites.length * random.uniform())], random);
    return { id: `scene-${String(index).padStart(5, "0")}`, image: { data, width: side, height: side } };
  };
}

const colour = (random: Random): number[] => [0, 1, 2].map(() => Math.floor(256 * random.uniform()));

function paintBackground(data: Uint8Array, random: Random): void {
  const [kind, size] = [Math.floor(3 * random.uniform()), 4 + Math.floor(20 * random.uniform())];
  const colours = [colour(random), colour(random)];
  for (let pixel = 0; pixel < side * side; pixel++) {
    const [x, y] = [Math.floor((pixel % side) / size), Math.floor(pixel / side / size)];
    const which = kind === 0 ? x % 2 : kind === 1 ? (x + y) % 2 : Number(random.uniform() < 0.5);
    data.set(colours[which], pixel * 3);
  }
}

function paintShape(data: Uint8Array, random: Random): void {
  const paint = colour(random);
  const [round, radius] = [random.uniform() < 0.5, 4 + 16 * random.uniform()];
  const [centreX, centreY] = [side * random.uniform(), side * random.uniform()];
  for (let pixel = 0; pixel < side * side; pixel++) {
    const [dx, dy] = [Math.abs((pixel % side) - centreX), Math.abs(Math.floor(pixel / side) - centreY)];
    if (round ? dx * dx + dy * dy < radius * radius : Math.max(dx, dy) < radius) data.set(paint, pixel * 3);
  }
}

function paintSprite(data: Uint8Array, { image, mask }: Sprite, random: Random): void {
  const [scale, mirrored] = [0.5 + random.uniform(), random.uniform() < 0.5];
  const [left, top] = [side * (random.uniform() - 0.5), side * (random.uniform() - 0.5)];
  const channels = image.data.length / (image.width * image.height);
  const maskChannels = mask.data.length / (mask.width * mask.height);
  for (let pixel = 0; pixel < side * side; pixel++) {
    const [x, y] = [Math.floor(((pixel % side) - left) / scale), Math.floor((Math.floor(pixel / side) - top) / scale)];
    if (x < 0 || y < 0 || x >= image.width || y >= image.height) continue;
    const from = y * image.width + (mirrored ? image.width - 1 - x : x);
    if (mask.data[from * maskChannels] < 128) continue;
    data.set(image.data.subarray(from * channels, from * channels + 3), pixel * 3);
  }
}
