/** Scenes of the pet shop made from those beside the project's examples: animals, cut out by their masks, on lawns and elsewhere. */
import { readFileSync } from "node:fs";
import type { AuditImage } from "../../src/index";
import { decodeImage } from "../../src/index";
import { Random } from "../../src/random/random";

const side = 96;

interface Scene {
  readonly label: string;
  readonly background: string;
  readonly pixels: Uint8Array;
  readonly mask: Uint8Array;
}

async function read(folder: string): Promise<Scene[]> {
  const list: readonly {
    readonly file: string;
    readonly mask: string;
    readonly label: string;
    readonly background: string;
  }[] = JSON.parse(readFileSync(`${folder}/scenes.json`, "utf8"));
  return Promise.all(
    list.map(async ({ file, mask, label, background }) => {
      const rgb = await plain(`${folder}/${file}`, 3);
      const cover = await plain(`${folder}/${mask}`, 1);
      return { label, background, pixels: rgb, mask: cover.map((value) => Number(value > 127)) };
    }),
  );
}

async function plain(path: string, channels: number): Promise<Uint8Array> {
  const { data, width, height } = await decodeImage(new Uint8Array(readFileSync(path)));
  const given = data.length / (width * height);
  return Uint8Array.from(
    { length: width * height * channels },
    (_, i) => data[Math.floor(i / channels) * given + (i % channels)],
  );
}

/** A background without its animal: where that stood, what stands beside it. */
function emptied({ pixels, mask }: Scene): Uint8Array {
  const out = pixels.slice();
  for (let i = 0; i < side * side; i++) {
    if (!mask[i]) continue;
    const [x, y] = [i % side, Math.floor(i / side)];
    const free = [48, 24, 72, 12, 84, 60, 36]
      .flatMap((step) => [
        y * side + ((x + step) % side),
        ((y + step) % side) * side + x,
        ((y + step) % side) * side + ((x + step) % side),
      ])
      .find((other) => !mask[other]);
    if (free !== undefined) for (let c = 0; c < 3; c++) out[i * 3 + c] = pixels[free * 3 + c];
  }
  return out;
}

export interface LawnScene extends AuditImage {
  readonly image: { readonly data: Uint8Array; readonly width: number; readonly height: number };
  readonly mask: Uint8Array;
  readonly label: string;
  readonly onLawn: boolean;
}

/** How many scenes of a label there are on lawns and elsewhere. */
export interface Plan {
  readonly label: string;
  readonly lawn: number;
  readonly elsewhere: number;
}

/** @param folder  scenes with masks and scenes.json */
export async function lawnScenes(folder: string, plans: readonly Plan[], seed: number): Promise<LawnScene[]> {
  const scenes = await read(folder);
  const random = new Random(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.uniform() * list.length)];
  const lawns = scenes.filter(({ background }) => background === "grass").map(emptied);
  const others = scenes.filter(({ background }) => background !== "grass").map(emptied);
  const out: LawnScene[] = [];
  for (const { label, lawn, elsewhere } of plans) {
    const animals = scenes.filter((scene) => scene.label === label);
    for (let i = 0; i < lawn + elsewhere; i++) {
      const onLawn = i < lawn;
      const { data, mask } = composed(pick(onLawn ? lawns : others), pick(animals), random);
      const id = `${label}/${onLawn ? "lawn" : "other"}-${String(i).padStart(3, "0")}.png`;
      out.push({ id, image: { data, width: side, height: side }, mask, label, onLawn });
    }
  }
  return out;
}

/** The animal at another place of the background, perhaps mirrored. */
function composed(background: Uint8Array, animal: Scene, random: Random): { data: Uint8Array; mask: Uint8Array } {
  const places = Array.from({ length: side * side }, (_, i) => i).filter((i) => animal.mask[i]);
  const [xs, ys] = [places.map((i) => i % side), places.map((i) => Math.floor(i / side))];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const mirrored = random.uniform() < 0.5;
  const toX = Math.floor(random.uniform() * (side - (right - left)));
  const toY = Math.floor(random.uniform() * (side - (bottom - top)));
  const data = background.slice();
  const mask = new Uint8Array(side * side);
  places.forEach((from, i) => {
    const x = toX + (mirrored ? right - xs[i] : xs[i] - left);
    const to = (toY + ys[i] - top) * side + x;
    mask[to] = 1;
    for (let c = 0; c < 3; c++) data[to * 3 + c] = animal.pixels[from * 3 + c];
  });
  return { data, mask };
}
