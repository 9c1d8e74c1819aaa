/** How a model's outputs are read as boxes and scores: recognised, or as the caller says. */
import { TargetError } from "../../errors";
import { showShape } from "../../tensor";
import { channelParts } from "../channel-parts";
import type { DetectorHeadOption } from "../detection";
import { inputSize } from "../input-size";
import type { ModelValues } from "../model-values";
import { pictureInput } from "../network-inputs";
import { producerOf } from "../output";
import { endToEnd } from "./end-to-end";
import type { HeadClues, HeadOutput } from "./family";
import { movedFrom, scaledFrom } from "./origin";
import { picking, selectedHead } from "./selected";
import { headFamilies } from "./table";

export interface FoundHead {
  readonly family: string;
  readonly option: DetectorHeadOption;
}

/** The outputs of the file, as far as the model computes them. */
export function outputsOf(model: ModelValues): HeadOutput[] {
  const { graph, outputs } = model.parts;
  return outputs.map(
    ({ name, value }): HeadOutput => ({
      name,
      value,
      shape: graph.shapes.get(value) ?? [],
      parts: (axis) => channelParts(graph, value, axis),
      madeBy: (index) => producerOf(graph, movedFrom(graph, { value, index }).value)?.op,
      computedBy: (index) => producerOf(graph, scaledFrom(graph, { value, index }).value)?.op,
    }),
  );
}

/** @throws {TargetError} if the outputs are of no family, showing how to say what they are */
export function recogniseHead(model: ModelValues, said: Partial<DetectorHeadOption> = {}): FoundHead {
  const clues: HeadClues = {
    graph: model.parts.graph,
    outputs: outputsOf(model),
    picture: pictureOf(model),
    ...(model.labels && { labels: model.labels.length }),
    ...(model.parts.selection && { selection: model.parts.selection }),
    said,
  };
  const { selection } = clues;
  const picked = selection && selectedHead(clues, selection);
  if (picked) return { family: endToEnd.name, option: { ...picked, ...said } };
  for (const { name, recognise } of headFamilies) {
    if (selection && name === endToEnd.name) continue;
    const option = recognise(clues);
    if (!option) continue;
    const isCorners = selection?.corners === true && option.decode === "center" && option.units !== "relative";
    const own = selection && { ...(isCorners && { decode: "corners" as const }), ...picking(selection.rule) };
    return { family: name, option: { ...option, ...own, ...said } };
  }
  throw new TargetError(unknown(model, clues));
}

/** Height and width of the network's picture. */
export function pictureOf(model: ModelValues): readonly [number, number] {
  const { width, height } = inputSize(model, pictureInput(model.parts.inputs, undefined).name);
  return [height, width];
}

function unknown(model: ModelValues, { outputs }: HeadClues): string {
  const shown = outputs.map(({ name, shape }) => `"${name}" (${showShape(shape)})`).join(", ");
  const [first] = outputs;
  return (
    `The model "${model.name}" has no output that is recognised as a detector's: ${shown}. If it is one, say how it is read, ` +
    `for example head: { boxes: ${JSON.stringify(first.name)}, layout: "rows", decode: "center", units: "pixels", objectness: 4, ` +
    'classAt: 5 } of rows of centre, size, objectness and class scores, or { boxes: "boxes", scores: "scores", decode: "corners", ' +
    'units: "relative", background: "first" } of boxes in an output of their own. For another output of the file load the model ' +
    "with output."
  );
}
