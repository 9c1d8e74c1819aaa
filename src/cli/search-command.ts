import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  contactSheet,
  decodeImage,
  encodePng,
  type ImageLike,
  InputError,
  type Model,
  OptionError,
  type TopActivations,
  topActivations,
  unitPage,
} from "../index";
import { listImages, readInputFile, replaceOutputFile, writeOutputFile } from "./files";
import type { Shard } from "./folder-flags";
import { loadFlaggedModel, type ModelFlags, type PlaceFlag, readJson, targetAt } from "./model-flags";
import { noteWriter } from "./note-writer";
import { progressBar } from "./progress-bar";

export interface SearchFlags extends ModelFlags {
  readonly layer: string;
  readonly unit?: readonly number[];
  readonly top: number;
  readonly sample: number;
  readonly score: "max" | "mean";
  readonly by: "activation" | "relevance";
  readonly target?: string;
  readonly position?: PlaceFlag;
  readonly state?: string;
  readonly shard?: Shard;
  readonly exclude?: string;
  readonly strict?: boolean;
  readonly out?: string;
  readonly projections?: boolean;
  readonly json?: boolean;
}

export async function searchCommand(directory: string, flags: SearchFlags): Promise<void> {
  const { index, of } = flags.shard ?? { index: 1, of: 1 };
  const { exclude } = flags;
  const files = (await listImages(directory)).filter((path) => exclude === undefined || !path.includes(exclude));
  const ids = files.filter((_, i) => i % of === index - 1);
  if (ids.length === 0)
    throw new InputError(`${directory} has no PNG, JPEG or WebP files${of > 1 ? " for this shard" : ""}.`);
  using model = await loadFlaggedModel(flags);
  await checkSheet(model, flags);
  const read = async (id: string): Promise<ImageLike> => decodeImage(await readInputFile(join(directory, id)));
  const result = await search(model, ids, read, flags);
  const notes = noteWriter(model);
  for (const { id, message } of result.failures) notes.write(`${id} was left out. ${message}`);
  if (result.images === 0) throw new InputError(`None of the ${ids.length} images could be searched.`);
  process.stdout.write(flags.json ? `${JSON.stringify(result, null, 2)}\n` : text(directory, model, result));
  if (flags.out) {
    const options = flags.unit && { unit: flags.unit };
    const sheet = flags.projections
      ? (await unitPage(model, result, read, options)).picture
      : await contactSheet(model, result, read, options);
    await writeOutputFile(flags.out, await encodePng(sheet));
    if (!flags.json) process.stdout.write(`sheet: ${flags.out}\n`);
  }
}

/** Images between two writings of the state. */
const stateEvery = 200;

async function search(
  model: Model,
  ids: readonly string[],
  read: (id: string) => Promise<ImageLike>,
  flags: SearchFlags,
): Promise<TopActivations> {
  const { layer, unit, top, sample, score, by, state, shard, strict } = flags;
  const from = state !== undefined && existsSync(state) ? await readState(state) : undefined;
  const bar = progressBar("search");
  try {
    return await topActivations(
      model,
      ids.map((id) => ({ id, image: () => read(id) })),
      {
        ...{ layer, unit, top, sample, score, by, from, target: targetAt(flags.target, flags.position, model) },
        shard: shard ? `${shard.index}/${shard.of}` : "all",
        onError: strict ? "throw" : "skip",
        onProgress: bar.update,
        checkpointEvery: stateEvery,
        onCheckpoint: async (part) => {
          if (state !== undefined) await replaceOutputFile(state, new TextEncoder().encode(JSON.stringify(part)));
        },
      },
    );
  } catch (error) {
    if (!from || !(error instanceof InputError)) throw error;
    throw new InputError(`${error.message} The state file is ${state}; delete it to start anew.`, { cause: error });
  } finally {
    bar.stop();
  }
}

/** The library checks what the file holds. */
const readState = async (path: string): Promise<TopActivations> =>
  (await readJson(path, "a state file is written by seethrough search --state")) as TopActivations;

/** The units one sheet shows, as `contactSheet` has it. */
const mostUnits = 64;

/** Finds out before a long search that its sheet would be too large. */
async function checkSheet(model: Model, { out, layer, unit }: SearchFlags): Promise<void> {
  if (out === undefined) return;
  const { units } = unit ? { units: unit } : await topActivations(model, [], { layer });
  if (units.length > mostUnits)
    throw new OptionError(
      `${layer} has ${units.length} units, a sheet shows at most ${mostUnits}: name some with --unit, or leave --out out.`,
    );
}

/** Layers of more units get one line for each. */
const detailed = 8;

function text(directory: string, model: Model, { search, images, units }: TopActivations): string {
  const { layer, score, by } = search;
  const lines = units.flatMap(({ unit, top }) => {
    const hits = top.map(({ id, score: value, position, place, crop }) => {
      const seen = `x ${crop.x}–${crop.x + crop.width}, y ${crop.y}–${crop.y + crop.height}`;
      const at = place ? `token ${position[1]}, place [${place.join(", ")}]` : `at [${position.join(", ")}]`;
      return `${value.toPrecision(4).padStart(10)}  ${id}, ${seen} (${at})`;
    });
    return units.length > detailed ? [`unit ${String(unit).padEnd(4)} ${hits[0]}`] : [`unit ${unit}`, ...hits];
  });
  return [`${directory}, ${images} images, layer ${layer} of ${model.name} by ${score} ${by}`, ...lines, ""].join("\n");
}
