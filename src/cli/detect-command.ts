import {
  type Attribution,
  type BoxEvidence,
  boxEvidence,
  classProbabilityMap,
  type Detection,
  decodeImage,
  detect,
  drawDetections,
  encodePng,
  enlarge,
  explain,
  heatmap,
  type ImageLike,
  type MethodName,
  type Model,
  type Note,
  overlay,
  resize,
} from "../index";
import { readInputFile, writeOutputFile } from "./files";
import { type MethodFlags, optionsOf } from "./method-flags";
import { loadFlaggedModel, type ModelFlags, targetAt } from "./model-flags";
import { nameFor } from "./named-files";
import { noteWriter } from "./note-writer";
import { progressBar } from "./progress-bar";

export interface DetectFlags extends ModelFlags, MethodFlags {
  readonly threshold?: number;
  readonly iou?: number;
  readonly top?: number;
  /** How many of the best boxes are explained. */
  readonly explain?: number;
  readonly method?: MethodName;
  /** The class of a picture of probabilities. */
  readonly classMap?: string;
  readonly out?: string;
  readonly instanceMasks?: boolean;
  readonly fullSize?: boolean;
  readonly json?: boolean;
}

/** The evidence of one box. */
interface Evidence {
  readonly attribution: Attribution;
  readonly shares: BoxEvidence;
  readonly file?: string;
}

export const definedOf = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;

export async function detectCommand(path: string, flags: DetectFlags): Promise<void> {
  const { threshold, iou, top, out, json } = flags;
  using model = await loadFlaggedModel(flags);
  const photo = await decodeImage(await readInputFile(path));
  const masks = flags.instanceMasks;
  const found = await detect(model, photo, definedOf({ threshold, iou, top, masks }));
  const files: string[] = [];
  const write = async (name: string, picture: ImageLike): Promise<string> => {
    await writeOutputFile(name, await encodePng(picture));
    files.push(name);
    return name;
  };
  const large = shown(photo, flags);
  if (out) await write(out, await drawn(large, large.width / photo.width, found));
  const evidence = new Map<Detection, Evidence>();
  for (const [i, detection] of found.slice(0, flags.explain ?? 0).entries()) {
    const attribution = await explained(model, photo, detection, flags);
    const shares = boxEvidence(attribution, detection, found);
    const picture = out && (await pictureOf(large, large.width / photo.width, attribution, detection));
    const file = picture && (await write(nameFor(out, `${i + 1}`), picture));
    evidence.set(detection, { attribution, shares, ...(file && { file }) });
  }
  if (out && flags.classMap !== undefined) {
    const target = targetAt(flags.classMap, undefined, model) as string | number;
    const map = await classProbabilityMap(model, photo, { target });
    await write(nameFor(out, flags.classMap), overlay(large, map));
  }
  process.stdout.write(
    json
      ? `${JSON.stringify(document(path, model, found, evidence, files), null, 2)}\n`
      : text(path, model, found, evidence, files),
  );
  // That the output is a detector's is why this was called.
  const told = (notes: readonly Note[]): readonly Note[] => notes.filter(({ code }) => code !== "detector-output");
  const writer = noteWriter({ notes: told(model.notes) });
  for (const { attribution } of evidence.values()) writer.writeAll(told(attribution.notes), attribution.method);
}

async function explained(
  model: Model,
  photo: ImageLike,
  detection: Detection,
  flags: DetectFlags,
): Promise<Attribution> {
  const { method = "hi-res-cam" } = flags;
  const bar = progressBar(method);
  try {
    const options = { method, target: { detection }, onProgress: bar.update, ...optionsOf(method, flags, true) };
    return await explain(model, photo, options);
  } finally {
    bar.stop();
  }
}

const smallestPicture = 384;
const largestPicture = 1024;

function shown(image: ImageLike, { fullSize }: DetectFlags): ImageLike {
  if (fullSize) return image;
  const isLarge = Math.max(image.width, image.height) > largestPicture;
  return isLarge ? resize(image, { maxSide: largestPicture }) : enlarge(image, smallestPicture);
}

/** All boxes with their numbers, by which `seethrough explain --detection` knows them. */
const drawn = (image: ImageLike, scale: number, found: readonly Detection[]): Promise<ImageLike> =>
  drawDetections(image, found, { scale, caption: (_, i) => captionOf(found[i], i + 1) });

const captionOf = (detection: Detection, number: number): string =>
  `${number} ${nameOf(detection)} ${Math.round(100 * detection.score)} %`;

/** Evidence over the photograph, and the box it is for. Values at the input are smoothed to be seen. */
function pictureOf(
  image: ImageLike,
  scale: number,
  attribution: Attribution,
  detection: Detection,
): Promise<ImageLike> {
  const { width, height } = attribution.inputSize;
  const [, rows, columns] = attribution.values.shape;
  const isAtInput = rows === height && columns === width;
  const map = heatmap(attribution, isAtInput ? { smooth: 0.02 * Math.min(width, height), percentile: 99 } : {});
  return drawDetections(overlay(image, map), [detection], { scale });
}

const nameOf = ({ label, index }: Detection): string => label ?? `class ${index}`;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** How much of the evidence lies in the box, beside what another one gets that it is not about. */
function sharesOf({ inside, area, control }: BoxEvidence, found: readonly Detection[]): string {
  const own = `     evidence: ${percent(inside)} inside the box, which is ${percent(area)} of the picture`;
  if (!control) return own;
  const { share, detection } = control;
  const other = detection && `the box of ${found.indexOf(detection) + 1}, ${nameOf(detection)}`;
  return `${own}; ${percent(share)} in ${other ?? "the fullest box of its size beside it"}`;
}

function text(
  path: string,
  model: Model,
  found: readonly Detection[],
  evidence: ReadonlyMap<Detection, Evidence>,
  files: readonly string[],
): string {
  const names = Math.max(0, ...found.map((detection) => nameOf(detection).length));
  const lines = found.map((detection, i) => {
    const { x, y, width, height } = detection.box;
    const [left, top, right, bottom] = [x, y, x + width, y + height].map(Math.round);
    const row =
      `${`${i + 1}`.padStart(3)}  ${nameOf(detection).padEnd(names)} ${percent(detection.score).padStart(8)}` +
      `   x ${left}–${right}, y ${top}–${bottom}`;
    const about = evidence.get(detection);
    return about ? `${row}\n${sharesOf(about.shares, found)}` : row;
  });
  const family = found[0] ? ` (${found[0].family})` : "";
  const many = found.length === 1 ? "1 box" : `${found.length === 0 ? "no" : found.length} boxes`;
  const written = files.map((file) => `picture: ${file}`);
  return [`${path}, seen by ${model.name}${family}: ${many}`, ...lines, ...written, ""].join("\n");
}

/** The control by the number that the list gives it. */
function controlOf({ detection, ...control }: NonNullable<BoxEvidence["control"]>, found: readonly Detection[]) {
  return { ...control, ...(detection && { number: found.indexOf(detection) + 1 }) };
}

function document(
  path: string,
  model: Model,
  found: readonly Detection[],
  evidence: ReadonlyMap<Detection, Evidence>,
  files: readonly string[],
): unknown {
  return {
    image: path,
    model: model.name,
    detections: found.map((detection, i) => {
      const about = evidence.get(detection);
      // A mask is a picture, and no part of a document.
      const { mask: _, ...facts } = detection;
      return {
        number: i + 1,
        ...facts,
        ...(about && {
          evidence: {
            method: about.attribution.method,
            target: about.attribution.target,
            inside: about.shares.inside,
            area: about.shares.area,
            ...(about.shares.control && { control: controlOf(about.shares.control, found) }),
            ...(about.file && { file: about.file }),
            notes: about.attribution.notes,
            recipe: about.attribution.recipe,
          },
        }),
      };
    }),
    files,
  };
}
