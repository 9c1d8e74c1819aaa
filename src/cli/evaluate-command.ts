import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { decodeImage, InputError, type MethodName, type Model, preprocess, ShapeError } from "../index";
import { type Evaluated, evaluateImage } from "./evaluation";
import { evaluationText } from "./evaluation-table";
import { isFolder, listImages, readInputFile } from "./files";
import { loadFlaggedModel, type ModelFlags, type PlaceFlag, targetAt } from "./model-flags";
import { noteWriter } from "./note-writer";
import { progressBar } from "./progress-bar";

export interface EvaluateFlags extends ModelFlags {
  readonly methods: readonly MethodName[];
  readonly target?: string;
  readonly position?: PlaceFlag;
  readonly json?: boolean;
}

const controls = 3;

export async function evaluateCommand(given: readonly string[], flags: EvaluateFlags): Promise<void> {
  const all = [...new Set((await Promise.all(given.map(picturesOf))).flat())];
  const masks = new Set(all.map(maskPathOf));
  const paths = all.filter((path) => !masks.has(path));
  using model = await loadFlaggedModel(flags);
  if (model.input.shape.length !== 4) {
    throw new ShapeError(
      `The model "${model.name}" takes no images; deletionInsertion and the others judge its maps in a program.`,
    );
  }
  const { methods } = flags;
  const bar = progressBar("evaluate");
  const total = paths.length * (methods.length + controls);
  let [maps, objects] = [0, 0];
  const missing: [method: string, reason: string][] = [];
  const images: (Evaluated & { readonly image: string })[] = [];
  try {
    for (const path of paths) {
      const image = await decodeImage(await readInputFile(path));
      const mask = await maskBeside(path, model, flags);
      objects += Number(mask !== undefined);
      const evaluated = await evaluateImage(model, {
        ...{ image, mask, methods, target: targetAt(flags.target, flags.position, model) },
        onMap: () => bar.update(++maps, total),
        onMissing: (method, reason) => missing.push([method, reason]),
      });
      images.push({ image: path, ...evaluated });
    }
  } finally {
    bar.stop();
  }
  const notes = noteWriter(model);
  const place = flags.position === undefined ? "" : ` at ${[flags.position].flat().join(", ")}`;
  for (const [method, reason] of missing) notes.write(`left out. ${reason}`, method);
  if (images.every((image) => image.methods.length === 0))
    throw new InputError(`None of the methods could judge these images: ${methods.join(", ")}.`);
  const seen = images.map(({ image, target, probability }) => {
    const how = probability === undefined ? `score ${target.score.toFixed(2)}` : `${(100 * probability).toFixed(0)} %`;
    return `${basename(image)} (${target.label ?? `class ${target.index}`}${place} ${how})`;
  });
  const heading = `${model.name}, ${images.length === 1 ? "1 image" : `means over ${images.length} images`}\n${seen.join(", ")}`;
  const document = { model: model.name, ...(flags.position !== undefined && { position: flags.position }), images };
  process.stdout.write(
    flags.json ? `${JSON.stringify(document, null, 2)}\n` : evaluationText(heading, images, objects),
  );
}

/** Of a folder its pictures, of a file itself. */
async function picturesOf(path: string): Promise<string[]> {
  if (!(await isFolder(path))) return [path];
  const found = await listImages(path);
  if (found.length === 0) throw new InputError(`${path} has no PNG, JPEG or WebP files.`);
  return found.map((file) => join(path, file));
}

/** Of all PNG files of a folder masks may be among the images. */
const maskPathOf = (path: string): string => path.replace(/\.[^./\\]+$/, ".mask.png");

/** The object of `photo.png` is white in `photo.mask.png`, if there is one. */
async function maskBeside(path: string, model: Model, { fit }: ModelFlags): Promise<Uint8Array | undefined> {
  const maskPath = maskPathOf(path);
  if (!existsSync(maskPath)) return undefined;
  const [, height, width] = model.input.shape;
  const mask = preprocess(await decodeImage(await readInputFile(maskPath)), { width, height, channels: 1 }, { fit });
  return Uint8Array.from(mask.data, (value) => Number(value >= 0.5));
}
