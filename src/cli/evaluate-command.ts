import { existsSync } from "node:fs";
import { basename } from "node:path";
import { decodeImage, type MethodName, type Model, preprocess, ShapeError } from "../index";
import { type Evaluated, evaluateImage } from "./evaluation";
import { evaluationText } from "./evaluation-table";
import { readInputFile } from "./files";
import { loadFlaggedModel, type ModelFlags, targetOf } from "./model-flags";
import { progressBar } from "./progress-bar";

export interface EvaluateFlags extends ModelFlags {
  readonly methods: readonly MethodName[];
  readonly target?: string;
  readonly json?: boolean;
}

const controls = 3;

export async function evaluateCommand(given: readonly string[], flags: EvaluateFlags): Promise<void> {
  const masks = new Set(given.map(maskPathOf));
  const paths = given.filter((path) => !masks.has(path));
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
  const missing = new Set<string>();
  const images: (Evaluated & { readonly image: string })[] = [];
  try {
    for (const path of paths) {
      const image = await decodeImage(await readInputFile(path));
      const mask = await maskBeside(path, model, flags);
      objects += Number(mask !== undefined);
      const evaluated = await evaluateImage(model, {
        ...{ image, mask, methods, target: targetOf(flags.target, model) },
        onMap: () => bar.update(++maps, total),
        onMissing: (method, reason) => missing.add(`note (${method}): left out. ${reason}\n`),
      });
      images.push({ image: path, ...evaluated });
    }
  } finally {
    bar.stop();
  }
  for (const note of missing) process.stderr.write(note);
  const seen = images.map(({ image, target, probability }) => {
    return `${basename(image)} (${target.label ?? `class ${target.index}`} ${(100 * probability).toFixed(0)} %)`;
  });
  const heading = `${model.name}, ${images.length === 1 ? "1 image" : `means over ${images.length} images`}\n${seen.join(", ")}`;
  const document = { model: model.name, images };
  process.stdout.write(
    flags.json ? `${JSON.stringify(document, null, 2)}\n` : evaluationText(heading, images, objects),
  );
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
