/** The network of a file at fixed shapes, and where in it the answer lies. */
import { refusedUses } from "../compile/build-operations";
import { combineSoftmax } from "../compile/combine-softmax";
import { joinOutputs } from "../compile/join-outputs";
import { ownScaling } from "../compile/own-scaling";
import { removeDeadNodes } from "../compile/remove-dead-nodes";
import { removeNoOps } from "../compile/remove-no-ops";
import { type Specialising, specialise } from "../compile/specialise";
import { isLoop } from "../compile/take-branches";
import { trainingDropouts } from "../compile/training-dropouts";
import { runConstantNodes } from "../engine/constant-nodes";
import { SeethroughError } from "../errors";
import type { Graph, Node, StaticGraph } from "../graph/ir";
import type { Limits } from "../limits";
import { type Note, note } from "../notes";
import { quantisedOperators } from "../operators/quantised-names";
import { operators } from "../operators/table";
import type { Kernels } from "../wasm/kernels";
import { type AskedNetwork, keepingInput } from "./asked-network";
import type { FileGraph } from "./file-graph";
import { readLabels } from "./labels";
import type { LoadOptions, Settings } from "./load-options";
import { readOutput } from "./read-output";

/** The network as the file has it, constants folded and no-ops removed, and what its output is. */
export interface StaticNetwork {
  /** Before several outputs are one. */
  readonly graph: StaticGraph;
  readonly joined: StaticGraph;
  readonly reading: Awaited<ReturnType<typeof readOutput>>["reading"];
  /** The value of the output, and those of a detector's outputs beside it. */
  readonly resolved: string;
  readonly outputs: readonly { readonly name: string; readonly value: string }[];
  /** True where the network scales its own input, as far as its first layers say. */
  readonly scalesItself: boolean;
}

/**
 * @param kernels  for what is constant and only the engine can compute
 * @param notes    whatever is found is added to them
 */
export async function staticNetwork(
  { file, result, live, shapes, metadata, saysRange, isQuantised, selection }: AskedNetwork,
  { inputIsFinal, fileOrder }: FileGraph,
  options: LoadOptions,
  { maxMemory, limits, quantized }: Settings,
  kernels: () => Promise<Kernels>,
  hear: () => Promise<void>,
  notes: Note[],
): Promise<StaticNetwork> {
  // Whoever loads networks of floats only never loads what reads others.
  const rewriting = isQuantised
    ? (await import("../compile/quantised/quantisation")).quantisation(quantized)
    : undefined;
  if (isQuantised) notes.push(note("quantised", quantized, ""));
  const writing = await writtenByOthers(file);
  const settled = async (part: Graph): Promise<StaticGraph> =>
    runConstantNodes(
      // What is not read by anybody is an output too, while constants are folded: the result may turn out to be one.
      specialise({ ...part, outputs: [...new Set([...part.outputs, result])] }, shapes, {
        ...{ refusedLater: refusedUses, limits, rewriting, ...writing },
      }),
      kernels,
      maxMemory,
      limits,
    );
  const simplified = async (part: StaticGraph): Promise<StaticGraph> => {
    const fixed = combineSoftmax(removeNoOps(part));
    if (inputIsFinal || !fixed.nodes.some(isToChannelsFirst)) return fixed;
    return (await import("../compile/channels-first-input")).channelsFirstInput(fixed);
  };
  const specialised = await settled(live);
  await hear();
  const dropouts = trainingDropouts(live, specialised);
  if (dropouts.length > 0) notes.push(note("dropout-inference", dropoutNames(dropouts)));
  const isConstant = specialised.constants.has(result);
  if (isConstant) notes.push(note("constant-output", result));
  const alone = await simplified(isConstant ? specialised : { ...specialised, outputs: live.outputs });
  const scaled = saysRange || file.inputs[0]?.integers !== undefined ? undefined : ownScaling(alone);
  if (scaled !== undefined) notes.push(note("own-scaling", scaled));
  const names = options.labels === undefined ? metadata.labels : readLabels(options.labels, "labels", limits);
  let known: readonly OtherOutput[] | undefined;
  const otherOutputs = (): readonly OtherOutput[] => {
    known ??= outputsBeside(file, result, shapes, limits, { rewriting, ...writing });
    return known;
  };
  const read = (from: StaticGraph) =>
    readOutput({
      graph: from,
      result: from.aliases.get(result) ?? result,
      name: result,
      asked: options.output !== undefined,
      isOutput: file.outputs.includes(result),
      ...(names && { labels: names }),
      labelsOfFile: options.labels === undefined,
      classAxis: options.classAxis,
      fileOrder,
      others: otherOutputs,
    });
  const first = await read(alone);
  // The boxes of a detector are often in an output of their own, and are what its scores are about.
  const isOpen = first.reading.detector || selection || options.output === undefined;
  const others = isOpen && file.outputs.length > 1 ? otherOutputs() : [];
  const own = { graph: alone, value: alone.aliases.get(result) ?? result };
  // They may stand in any order: a map, prototypes or boxes may come first.
  const ofDetector =
    first.reading.detector ||
    selection ||
    (others.length > 0 && (await import("./detector-head")).mayBeDetector([own, ...others]));
  const beside = ofDetector ? others.map(({ name: other }) => other) : [];
  const together = await jointly(beside, async () => {
    const part = keepingInput(file, removeDeadNodes(file, [result, ...beside]));
    return simplified({ ...(await settled(part)), outputs: part.outputs });
  });
  const graph = together ?? alone;
  const picking = graph.nodes.filter(({ op }) => op === "TopK" || op === "Lookup");
  if (picking.length > 0) notes.push(note("picks-inside", pickingNames(picking)));
  const { reading, notes: outputNotes } = together ? await read(together) : first;
  notes.push(...outputNotes);
  const resolved = graph.aliases.get(result) ?? result;
  const outputs = [result, ...(together ? beside : [])]
    .map((each) => ({ name: each, value: graph.aliases.get(each) ?? each }))
    .filter(({ value }) => value === resolved || !graph.constants.has(value));
  const joined = together ? joinOutputs(graph, [...new Set(outputs.map(({ value }) => value))]) : graph;
  return { graph, joined, reading, resolved, outputs, scalesItself: scaled !== undefined };
}

/** What files of channels last begin with: whoever loads others never loads what turns them round. */
const isToChannelsFirst = ({ op, attributes }: Node): boolean =>
  op === "Transpose" && `${attributes.get("perm")}` === "0,3,1,2";

/** What a graph, or one inside of it, needs beside the operators of the table: whoever loads networks without them never loads it. */
async function writtenByOthers({ nodes }: Graph): Promise<Pick<Specialising, "compounds" | "loops">> {
  let [hasCompounds, hasLoops] = [false, false];
  const graphs = [nodes];
  for (let list = graphs.pop(); list; list = graphs.pop()) {
    for (const node of list) {
      const { op, branches } = node;
      if (branches) for (const { nodes: inside } of branches.values()) graphs.push(inside);
      if (isLoop(node)) hasLoops = true;
      else if (!branches && !operators.has(op) && !quantisedOperators.has(op)) hasCompounds = true;
    }
  }
  return {
    ...(hasCompounds && { compounds: (await import("../compile/lowering/compounds")).compounds }),
    ...(hasLoops && { loops: (await import("../compile/unroll-loops")).loops }),
  };
}

/** The graph of several outputs; undefined where there are none, or one of them cannot be computed: the first is no worse for that. */
async function jointly(names: readonly string[], make: () => Promise<StaticGraph>): Promise<StaticGraph | undefined> {
  if (names.length === 0) return undefined;
  try {
    return await make();
  } catch (error) {
    if (error instanceof SeethroughError) return undefined;
    throw error;
  }
}

/** What picks, or what looks up at computed places where nothing is ranked. */
function pickingNames(nodes: readonly Node[]): string {
  const ranking = nodes.filter(({ op }) => op === "TopK");
  if (ranking.length === 0) return `"${nodes[0].name}" looks up some`;
  const names = ranking.map(({ name }) => `"${name}"`).join(" and ");
  return `TopK ${names} ${ranking.length > 1 ? "pick" : "picks"} some`;
}

const dropoutNames = (names: readonly string[]): string => {
  const shown = names.slice(0, 3).map((name) => `"${name}"`);
  const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
  return `Dropout ${shown.join(", ")}${more}`;
};

/** An output of the file beside the one that is explained, by itself. */
interface OtherOutput {
  readonly name: string;
  readonly graph: StaticGraph;
  /** What computes it there. */
  readonly value: string;
}

/** How many nodes are read for the sake of other outputs, in networks of as many nodes as there may be: a file may name each value as an output. */
const networksBeside = 2;

/** The other outputs of the file: one that cannot be computed says nothing, and is no reason to refuse. */
function outputsBeside(
  file: Graph,
  result: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  limits: Limits,
  parts: Specialising,
): OtherOutput[] {
  const found: OtherOutput[] = [];
  let spent = 0;
  for (const name of file.outputs) {
    if (name === result) continue;
    const live = removeDeadNodes(file, [name]);
    // To find those that are live, all of them are gone through.
    spent += live.nodes.length + file.nodes.length / 8;
    if (spent > networksBeside * limits.nodes) break;
    try {
      const own = new Map([...shapes].filter(([input]) => live.inputs.some((each) => each.name === input)));
      const graph = combineSoftmax(removeNoOps(specialise(live, own, parts)));
      found.push({ name, graph, value: graph.aliases.get(name) ?? name });
    } catch (error) {
      if (!(error instanceof SeethroughError)) throw error;
    }
  }
  return found;
}
