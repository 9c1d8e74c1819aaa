/** The network of a file as it is asked for: what is cut off, what is fixed, and which of its values is explained. */
import { show } from "../checks";
import { fixInputs } from "../compile/fix-inputs";
import { removeDeadNodes } from "../compile/remove-dead-nodes";
import { ModelError, OptionError } from "../errors";
import type { Graph } from "../graph/ir";
import type { Selection } from "../graph/selection";
import { type Limits, withinLimit } from "../limits";
import { suggest } from "../nearest";
import { type Note, note } from "../notes";
import { computesQuantised } from "../operators/quantised-names";
import { beginsLikeJson, type FileGraph } from "./file-graph";
import { wholePixels } from "./integer-pixels";
import type { LoadOptions } from "./load-options";
import { type Metadata, readMetadata } from "./metadata";
import { askedShapes, checkInputNames, fixedInputs } from "./read-inputs";
import type { SourceFile } from "./source-file";

/** What of a file is to be explained, and what is known of its inputs. */
export interface AskedNetwork {
  /** The network, with fixed inputs for constants. */
  readonly file: Graph;
  readonly result: string;
  /** The same without what the result is not computed from. */
  readonly live: Graph;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly metadata: Metadata;
  /** True where somebody says what range pixels are brought to. */
  readonly saysRange: boolean;
  /** True where the range is that of the file's own integers. */
  readonly ownPixels: boolean;
  readonly isQuantised: boolean;
  readonly selection?: Selection;
}

/** Values that a node may read, on the average: no operator of a fixed number of inputs has more, and concatenations are few. */
const readsOfNode = 10;

/** @param notes  whatever is assumed is added to them */
export async function askedNetwork(
  source: SourceFile,
  { graph: written, inputIsFinal, fileOrder }: FileGraph,
  options: LoadOptions,
  limits: Limits,
  notes: Note[],
): Promise<AskedNetwork> {
  checkInputNames(written, options);
  const cut = options.output === undefined ? await withoutSelection(written, notes) : undefined;
  const whole = await withPicksRefused(cut?.graph ?? written);
  const said = await withConfig(readMetadata(whole), whole, source, options, limits, notes);
  const asking = { file: whole, options, metadata: said, fileOrder, isFinal: inputIsFinal };
  const file = fixInputs(whole, fixedInputs(asking));
  const integers = file.inputs[0]?.integers;
  let ownPixels = false;
  const metadata = {
    ...said,
    preprocess: wholePixels(said.preprocess, integers, () => {
      ownPixels = true;
    }),
  };
  const result = resultName(file, options.output);
  withinLimit(limits, "nodes", file.nodes.length, "The network has too many nodes");
  const read = file.nodes.reduce((sum, { inputs }) => sum + inputs.length, 0);
  withinLimit(
    limits,
    "nodes",
    Math.ceil(read / readsOfNode),
    "The nodes read too many values, of which ten count as a node",
  );
  // Dead nodes go first: an unsupported head does not matter if an earlier layer is explained.
  const live = keepingInput(file, removeDeadNodes(file, [result]));
  const usual = options.inputShape ?? usualShape(live, metadata);
  const shapes = inputIsFinal ? new Map() : askedShapes(live, options, usual);
  const several = live.inputs.filter(({ name, shape: [batch] }) => Number(batch) > 1 && shapes.get(name)?.[0] === 1);
  if (several.length > 0) {
    notes.push(note("batch-of-one", `${several[0].shape[0]}`, several.map(({ name }) => name).join('", "')));
  }
  return {
    file,
    result,
    live,
    shapes,
    metadata,
    saysRange: (options.preprocess?.range ?? metadata.preprocess?.range) !== undefined,
    ownPixels,
    isQuantised: whole.nodes.some(({ op }) => computesQuantised(op)),
    ...(cut && { selection: cut.selection }),
  };
}

/** Operators that a detector's file may pick by; what there is to do about them is loaded with a file that has one. */
const picks = /TopK$|NonMaxSuppression$|NMS\w*_TRT$|^Arg(Max|Min)$/;

/** What ranks results behind all layers is refused by name; in front of layers it is part of the network. */
async function withPicksRefused(file: Graph): Promise<Graph> {
  if (!file.nodes.some(({ op }) => op === "TopK")) return file;
  const { refusingLastPicks } = await import("../compile/layers-behind");
  return refusingLastPicks(file);
}

/** A file that picks among candidates behind its layers, without what picks. */
async function withoutSelection(file: Graph, notes: Note[]) {
  if (!file.nodes.some(({ op }) => picks.test(op))) return undefined;
  const { cutSelection } = await import("../compile/cut-selection");
  const cut = cutSelection(file);
  if (!cut) return undefined;
  const { ops, before, selection, graph } = cut;
  const { iou, score } = selection.rule;
  const rule = [
    ...(iou === undefined ? [] : [`an overlap above ${shortly(iou)}`]),
    ...(score === undefined ? [] : [`a score up to ${shortly(score)}`]),
  ].join(" or ");
  notes.push(
    note(
      "post-processing-cut",
      `${ops.join(", ")} (from "${before}" on)`,
      graph.outputs.join('", "'),
      rule === "" ? "" : ` What is left out there by ${rule}, detect leaves out too.`,
    ),
  );
  return cut;
}

const shortly = (value: number): string => String(Number(value.toPrecision(4)));

/** A result that needs no input, a constant, is still that of a network with an input. */
export const keepingInput = (file: Graph, live: Graph): Graph =>
  live.inputs.length === 0 ? { ...live, inputs: file.inputs.slice(0, 1) } : live;

/**
 * What the file says of its use, and what a configuration of Hugging Face says: the option above the file, files beside the
 * model below it.
 */
async function withConfig(
  own: Metadata,
  graph: Graph,
  { bytes, sibling, above }: SourceFile,
  { config, labels, preprocess }: LoadOptions,
  limits: Limits,
  notes: Note[],
): Promise<Metadata> {
  if (config !== undefined) {
    const { readConfigOption } = await import("./hugging-face");
    const said = readConfigOption(config);
    return { ...own, ...said, inputShape: configuredShape(graph, said) ?? own.inputShape };
  }
  const isSettled = (labels ?? own.labels) !== undefined && (preprocess ?? own.preprocess) !== undefined;
  if (!sibling || isSettled || beginsLikeJson(bytes)) return own;
  const { readConfigBeside } = await import("./hugging-face");
  const { said, refused } = await readConfigBeside(sibling, above, limits);
  if (refused !== undefined) notes.push(note("config-refused", refused));
  const used = [
    ...(said.labels && !(labels ?? own.labels) ? ["the names of the classes"] : []),
    ...(said.preprocess && !(preprocess ?? own.preprocess) ? ["how pixels become numbers"] : []),
  ];
  if (used.length > 0) notes.push(note("config-beside", used.join(" and ")));
  return {
    labels: own.labels ?? said.labels,
    preprocess: own.preprocess ?? said.preprocess,
    inputShape: own.inputShape ?? configuredShape(graph, said),
  };
}

/** The picture's size in a configuration as the shape of the network's input, where the file leaves that open. */
function configuredShape(
  { inputs: [input] }: Graph,
  { size, channels = 3 }: { readonly size?: readonly [number, number]; readonly channels?: number },
): readonly number[] | undefined {
  if (!size || input?.shape.length !== 4) return undefined;
  const last = input.shape[3];
  const isChannelsLast = typeof last === "number" && last <= 4 && typeof input.shape[1] !== "number";
  const proposed = isChannelsLast ? [1, ...size, last] : [1, channels, ...size];
  return input.shape.map((extent, axis) => (typeof extent === "number" && axis > 0 ? extent : proposed[axis]));
}

/** The shape the file's metadata proposes, where the file leaves its input's shape open. */
function usualShape({ inputs: [input] }: Graph, { inputShape }: Metadata): readonly number[] | undefined {
  const open = input?.shape.slice(1).some((extent) => typeof extent !== "number");
  return open ? inputShape : undefined;
}

function resultName(graph: Graph, asked: string | undefined): string {
  if (asked === undefined) return graph.outputs[0];
  if (typeof asked !== "string") throw new OptionError(`output is the name of an output or layer, got ${show(asked)}.`);
  if (graph.outputs.includes(asked)) return asked;
  const values = graph.nodes.flatMap(({ outputs }) => outputs);
  const node = graph.nodes.find(({ name }) => name === asked);
  if (node) return node.outputs[0];
  if (values.includes(asked)) return asked;
  throw new ModelError(
    `The network has no output or layer "${asked}".${suggest(asked, [...graph.outputs, ...values])}`,
  );
}
