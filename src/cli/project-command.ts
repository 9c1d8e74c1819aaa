import {
  decodeImage,
  drawBox,
  encodeNpy,
  encodePng,
  enlarge,
  type ImageLike,
  LayerError,
  type Model,
  type Projection,
  projectActivation,
  projectionImage,
  receptiveField,
  sideBySide,
  toImage,
} from "../index";
import { readInputFile, writeOutputFile } from "./files";
import { loadFlaggedModel, type ModelFlags } from "./model-flags";
import { noteWriter } from "./note-writer";

export interface ProjectFlags extends ModelFlags {
  readonly layer: string;
  readonly unit?: number;
  readonly keep: number;
  readonly rule: "deconvnet" | "guided" | "gradient";
  readonly out?: string;
  readonly npy?: string;
  readonly json?: boolean;
}

export async function projectCommand(path: string, flags: ProjectFlags): Promise<void> {
  const image = await decodeImage(await readInputFile(path));
  using model = await loadFlaggedModel(flags);
  const { layer, unit, keep, rule } = flags;
  const projection = await projectActivation(model, image, { layer, unit, keep, rule });
  const seen = projection.kept.map((kept) => {
    const { unit, position } = kept;
    return { ...kept, sees: receptiveField(model, layer, { unit, position }) };
  });
  if (flags.json) {
    const { notes, recipe } = projection;
    process.stdout.write(
      `${JSON.stringify({ image: path, model: model.name, layer, kept: seen, notes, recipe }, null, 2)}\n`,
    );
  } else {
    process.stdout.write(text(path, model, layer, seen));
  }
  noteWriter(model).writeAll(projection.notes);
  if (flags.out) {
    await writeOutputFile(flags.out, await encodePng(picture(image, model, projection, seen)));
    if (!flags.json) process.stdout.write(`projection: ${flags.out}\n`);
  }
  if (flags.npy) {
    await writeOutputFile(flags.npy, encodeNpy(projection.image));
    if (!flags.json) process.stdout.write(`raw values: ${flags.npy} (${projection.image.shape.join("×")} float32)\n`);
  }
}

type Seen = Projection["kept"][number] & { readonly sees: ReturnType<typeof receptiveField> };

function text(path: string, model: Model, layer: string, seen: readonly Seen[]): string {
  const lines = seen.map(({ unit, position, value, sees }) => {
    const rectangle = `x ${sees.x}–${sees.x + sees.width}, y ${sees.y}–${sees.y + sees.height}`;
    return `  unit ${unit} at [${position.join(", ")}]: ${value.toPrecision(4)}, sees ${rectangle} of the input`;
  });
  const found = lines.length > 0 ? lines : ["  no activation is above zero, so there is nothing to project"];
  return [`${path}, strongest activations of ${layer} in ${model.name}`, ...found, ""].join("\n");
}

/** Small inputs are enlarged, so that people can see them. */
const smallestPicture = 384;

/** What the network saw, with the receptive fields framed, and the projection at the same scale. */
function picture(image: ImageLike, model: Model, projection: Projection, seen: readonly Seen[]): ImageLike {
  const [, , width, channels] = projection.image.shape;
  if (projection.image.shape.length !== 4 || (channels !== 1 && channels !== 3))
    throw new LayerError("The network's input is no picture, so the projection is none; --npy writes its values.");
  const large = enlarge(toImage(model, model.preprocess(image)), smallestPicture);
  const factor = large.width / width;
  const framed = seen.reduce((below, { sees }) => {
    const { x, y, width: w, height: h } = sees;
    return drawBox(below, { x: x * factor, y: y * factor, width: w * factor, height: h * factor });
  }, large);
  return sideBySide([framed, enlarge(projectionImage(model, projection.image), smallestPicture)], { columns: 2 });
}
