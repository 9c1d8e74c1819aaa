import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  decodeImage,
  InputError,
  type LabelledImage,
  type Model,
  ShapeError,
  type ToCamReport,
  toCamModel,
} from "../index";
import { readInputFile, writeOutputFile } from "./files";
import { loadFlaggedModel, type ModelFlags } from "./model-flags";
import { noteWriter } from "./note-writer";

export interface ToCamFlags extends Omit<ModelFlags, "model"> {
  readonly out: string;
  readonly images?: string;
  readonly layer?: string;
  readonly lambda?: number;
  readonly fitTo?: "labels" | "logits";
  readonly json?: boolean;
}

export async function toCamCommand(path: string, flags: ToCamFlags): Promise<void> {
  const { out, images, layer, lambda, fitTo, inputShape, json } = flags;
  using model = await loadOpen({ ...flags, model: path });
  const { onnx, report } = await toCamModel(model, {
    layer,
    lambda,
    inputShape,
    fit: fitTo,
    ...(images && { images: labelledImages(images) }),
  });
  await writeOutputFile(out, onnx);
  process.stdout.write(json ? `${JSON.stringify({ out, ...report }, null, 2)}\n` : text(out, report));
  const notes = noteWriter(model);
  for (const note of report.notes) notes.write(note);
}

/** A size that the file fixes is the new network's alone; one that it leaves open is the file's as well. */
async function loadOpen({ inputShape, ...flags }: ToCamFlags & { readonly model: string }): Promise<Model> {
  if (!inputShape) return loadFlaggedModel(flags);
  try {
    return await loadFlaggedModel({ ...flags, inputShape });
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    return loadFlaggedModel(flags).catch(() => {
      throw error;
    });
  }
}

const isPicture = (name: string): boolean => /\.(png|jpe?g|webp)$/i.test(name);

/** A folder of folders: each holds the pictures of the class it is named after, by label or index. */
async function* labelledImages(folder: string): AsyncGenerator<LabelledImage> {
  const classes = (await readdir(folder, { withFileTypes: true }).catch(() => [])).filter((entry) =>
    entry.isDirectory(),
  );
  const files: { readonly path: string; readonly label: number | string }[] = [];
  for (const { name } of classes.sort((a, b) => a.name.localeCompare(b.name))) {
    const pictures = (await readdir(join(folder, name))).filter(isPicture).sort();
    const label = /^\d+$/.test(name) ? Number(name) : name;
    files.push(...pictures.map((picture) => ({ path: join(folder, name, picture), label })));
  }
  if (files.length === 0) {
    throw new InputError(
      `${folder} holds no pictures by class: expected one folder per class, named by its label, with PNG, JPEG or WebP files.`,
    );
  }
  for (const { path, label } of files) yield { image: await decodeImage(await readInputFile(path)), label };
}

function text(out: string, { kind, steps, layer, fit }: ToCamReport): string {
  const lines = steps.map(({ op, node, change }) => `  ${op} ${node}: ${change}`);
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const fitted = fit
    ? [
        `  fitted to ${fit.images} images, lambda ${fit.lambda.toPrecision(3)}; on ${fit.heldOut} others right: ` +
          `${percent(fit.accuracy.before)} before, ${percent(fit.accuracy.after)} after, same answer ${percent(fit.agreement)}`,
      ]
    : [];
  return [
    `${kind === "exact" ? "same scores, as convolutions" : "new head on pooled maps"}; CAM at ${layer}`,
    ...lines,
    ...fitted,
    `written: ${out}`,
    "",
  ].join("\n");
}
