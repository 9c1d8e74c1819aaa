import { show } from "../checks";
import { OptionError } from "../errors";
import type { StaticGraph } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { type Note, note } from "../notes";
import type { ValueName } from "../operation/operation";
import { showShape, sizeOf } from "../tensor";
import { channelAxis } from "./channel-axis";
import { type ClassAxis, classAxisOf, unitAxisOf } from "./class-axis";
import type { DetectorHead, OutputView } from "./detector-head";
import { labelsMisfit } from "./labels";
import { asItIs, type ExplainedValue, type OutputKind, producerOf, throughSoftmax } from "./output";

/** What the explained output means. */
export interface OutputReading {
  readonly explained: ValueName;
  readonly outputKind: OutputKind;
  /** Of the explained value. */
  readonly classAxis: ClassAxis;
  /** Of the file's output, which is the same or comes after a softmax or sigmoid. */
  readonly resultAxis: ClassAxis;
  readonly labels?: readonly string[];
  /** The channel of the first label; absent where labels name no channels. */
  readonly firstLabel?: number;
  readonly detector?: Detector;
}

/** An output without a best class. */
export interface Detector {
  /** What it is. */
  readonly what: string;
  /** Which targets have a meaning; absent where its classes can be asked for as well. */
  readonly targets?: string;
}

export interface OutputQuestion {
  readonly graph: StaticGraph;
  /** The value in the graph, and what the file calls it. */
  readonly result: ValueName;
  readonly name: string;
  /** True where the caller named it: it is then explained as it is. */
  readonly asked: boolean;
  /** True where it is an output of the file, not a layer. */
  readonly isOutput: boolean;
  readonly labels?: readonly string[];
  /** True where the labels come from the file. */
  readonly labelsOfFile: boolean;
  /** The axis that the caller says, as the file counts. */
  readonly classAxis?: number;
  /** The axes of a value in the order in which the file writes them. */
  readonly fileOrder: (value: ValueName, rank: number) => readonly number[];
  /** The other outputs of the file, as far as they can be computed. */
  readonly others: () => readonly { readonly name: string; readonly graph: StaticGraph; readonly value: ValueName }[];
}

/** Says which axis of the output holds the classes, whether it is a detector's and what its labels name. */
export async function readOutput(
  question: OutputQuestion,
): Promise<{ readonly reading: OutputReading; readonly notes: readonly Note[] }> {
  const { graph, result, asked, isOutput } = question;
  const through = asked ? asItIs(graph, result) : throughSoftmax(graph, result);
  const { value, kind, order } = through;
  const shape = graph.shapes.get(value) ?? [];
  const view: FileView = { shape, axes: order ?? question.fileOrder(value, shape.length) };
  const chosen = classAxes(question, through, view);
  const recognised = isOutput ? await detector(question, through, chosen.axes) : undefined;
  const axes = value === result && recognised?.head.axis !== undefined ? [recognised.head.axis] : chosen.axes;
  const channels = sizeOf(axes.map((axis) => shape[axis]));
  const labelled = labelsFor(question, { kind, channels, view, recognised });
  const classAxis = classAxisOf(shape, axes, { order, mirrored: labelled.mirrored });
  const described = recognised && describe(question, recognised, view, classAxis);
  const notes: Note[] = [...labelled.notes];
  const softmaxed = through.softmax?.map((axis) => view.axes.indexOf(axis)) ?? [];
  if (sizeOf(shape) > 1 && softmaxed.length > 0 && through.softmax?.every((axis) => shape[axis] === 1)) {
    notes.push(note("softmax-of-one", `${softmaxed.length > 1 ? "axes" : "axis"} ${softmaxed.join(" and ")}`));
  }
  if (described) notes.push(note("detector-output", [described.what, described.targets].filter(Boolean).join(" ")));
  if (!described?.targets) {
    if (chosen.assumed) notes.push(assumedNote(question, view, classAxis, chosen.assumed));
    // A map of one channel without a sigmoid may be anything: a depth, a picture.
    const isScore =
      kind === "sigmoid" || kind === "probabilities" || (kind === "logits" && classAxis.rows * classAxis.columns === 1);
    if (classAxis.channels === 1 && isScore && isOutput && !labelled.mirrored) notes.push(note("one-score", kind));
  }
  return {
    reading: {
      explained: value,
      outputKind: kind,
      classAxis,
      resultAxis: value === result ? classAxis : resultAxis(graph, result),
      ...(labelled.labels && { labels: labelled.labels }),
      ...(labelled.first !== undefined && { firstLabel: labelled.first }),
      ...(described && { detector: described }),
    },
    notes,
  };
}

/** The explained value as the file writes it. */
interface FileView {
  readonly shape: Shape;
  /** Its axes in the file's order. */
  readonly axes: readonly number[];
}

const shown = ({ shape, axes }: FileView): string => showShape(axes.map((axis) => shape[axis]));

interface ChosenAxes {
  readonly axes: readonly number[];
  /** Why, where the file does not say it for certain. */
  readonly assumed?: "layers" | "nothing";
}

/** Decides by what says most: the caller, a softmax, the number of labels, the layers that compute the value. */
function classAxes(
  { graph, classAxis, labels }: OutputQuestion,
  { value, softmax }: ExplainedValue,
  view: FileView,
): ChosenAxes {
  const { shape } = view;
  const rank = shape.length;
  if (classAxis !== undefined) {
    const axis = Number.isInteger(classAxis) ? view.axes.at(classAxis) : undefined;
    if (axis !== undefined && classAxis < rank) return { axes: [axis] };
    throw new OptionError(`classAxis ${show(classAxis)}: the output (${shown(view)}) has axes 0 to ${rank - 1}.`);
  }
  if (softmax && sizeOf(softmax.map((axis) => shape[axis])) > 1) return { axes: softmax };
  const wide = [...shape.keys()].filter((axis) => shape[axis] > 1);
  if (rank < 2 || (rank === 2 && shape[0] === 1)) return { axes: [rank - 1].filter((axis) => axis >= 0) };
  const traced = channelAxis(graph, value);
  if (traced?.by === "softmax") return { axes: traced.axes };
  const named = wide.filter((axis) => axis > 0 && shape[axis] === labels?.length);
  if (named.length === 1) return { axes: named };
  const several = wide.length > 1;
  // A map's channels are those of the layer that makes it; of a list, rows and channels are easily taken for each other.
  if (traced) return { axes: traced.axes, ...(several && rank < 4 && { assumed: "layers" }) };
  if (wide.length === 1) return { axes: wide, ...(wide[0] !== 1 && { assumed: "nothing" }) };
  return { axes: [1], ...(several && { assumed: "nothing" }) };
}

/** Of the output behind a softmax or sigmoid, whose axes may be in another order. */
function resultAxis(graph: StaticGraph, result: ValueName): ClassAxis {
  const shape = graph.shapes.get(result) ?? [];
  const traced = channelAxis(graph, result);
  return traced ? classAxisOf(shape, traced.axes) : unitAxisOf(shape);
}

function assumedNote(
  { name }: OutputQuestion,
  view: FileView,
  { axes: [axis], classes, rows, columns }: ClassAxis,
  assumed: "layers" | "nothing",
): Note {
  const other = view.axes.findIndex((each) => view.shape[each] > 1 && each !== axis);
  return note(
    "class-axis-assumed",
    assumed,
    `"${name}" (${shown(view)})`,
    `axis ${view.axes.indexOf(axis)}: ${classes} classes at ${rows * columns} places`,
    String(other),
  );
}

/** A head, and the words about it, which only those networks load that have one. */
interface Recognised {
  readonly head: DetectorHead;
  readonly words: typeof import("./detector-head");
}

/** Recognises a detector's output; a value at one place that is no Concat has nothing beside anything. */
async function detector(
  { graph, result, name, labels, others }: OutputQuestion,
  { value, kind }: ExplainedValue,
  axes: readonly number[],
): Promise<Recognised | undefined> {
  const shape = graph.shapes.get(value) ?? [];
  if (axes.length !== 1) return undefined;
  const places = sizeOf(shape) / shape[axes[0]];
  if (places === 1 && !endsInConcat(graph, result)) return undefined;
  const words = await import("./detector-head");
  const view = (of: string, from: StaticGraph, at: ValueName, through: ExplainedValue, axis: number): OutputView => {
    const extents = from.shapes.get(through.value) ?? [];
    const channels = extents[axis];
    return {
      ...{ name: of, graph: from, value: at, shape: extents, axis, channels },
      ...{ places: sizeOf(extents) / channels, kind: through.kind, explained: through.value },
    };
  };
  const beside = places === 1 ? [] : others();
  const [, , height, width] = graph.shapes.get(graph.inputs[0]?.name) ?? [];
  const head = words.detectorHead({
    own: view(name, graph, value, { value, kind }, axes[0]),
    others: beside.map((other) => {
      const through = throughSoftmax(other.graph, other.value);
      const extents = other.graph.shapes.get(through.value) ?? [];
      const [axis] = through.softmax ?? channelAxis(other.graph, through.value)?.axes ?? [extents.length === 3 ? 2 : 1];
      return view(other.name, other.graph, through.value, through, axis);
    }),
    ...(width !== undefined && { picture: [height, width] as const }),
    ...(labels && { labels: labels.length }),
  });
  return head && { head, words };
}

function endsInConcat(graph: StaticGraph, result: ValueName): boolean {
  let node = producerOf(graph, result);
  while (node && ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"].includes(node.op)) {
    node = producerOf(graph, node.inputs[0]);
  }
  return node?.op === "Concat";
}

function describe(
  { name }: OutputQuestion,
  { head, words }: Recognised,
  view: FileView,
  { rows, columns }: ClassAxis,
): Detector {
  const where = { name, shown: shown(view), rows, columns };
  const what = words.describeDetector(head, where);
  return head.holds === "scores" ? { what } : { what, targets: words.detectorTargets(head, where) };
}

interface LabelsFound {
  readonly labels?: readonly string[];
  readonly first?: number;
  /** Two names of one score. */
  readonly mirrored: boolean;
  readonly notes: readonly Note[];
}

/** @throws {OptionError} if labels were passed that do not fit; those of the file are left out with a note */
function labelsFor(
  { labels, labelsOfFile, isOutput, name }: OutputQuestion,
  of: { kind: OutputKind; channels: number; view: FileView; recognised: Recognised | undefined },
): LabelsFound {
  if (!labels) return { mirrored: false, notes: [] };
  const { kind, channels, view, recognised } = of;
  const head = recognised?.head.holds === "scores" ? undefined : recognised?.head;
  if (recognised && head) {
    const first = recognised.words.firstLabelled(head, channels, labels.length);
    // Six channels are a box, a score and the number of a class.
    const unknown = head.holds === "boxes" || head.parts.length === 0 || (view.shape.length === 3 && channels === 6);
    if (first !== undefined || unknown) return { labels, first, mirrored: false, notes: [] };
  } else {
    // The last class of a DETR is nothing, and has no name in its configuration.
    const isOneMore = recognised !== undefined && kind === "logits" && channels === labels.length + 1;
    if (channels === labels.length || isOneMore) return { labels, first: 0, mirrored: false, notes: [] };
    if (channels === 1 && labels.length === 2 && kind !== "softmax") {
      return { labels, first: 0, mirrored: true, notes: [] };
    }
  }
  const output = `the output "${name}" (${shown(view)})`;
  const classes = head
    ? `and none of the scores among the ${channels} channels of ${output} are as many`
    : `${output} has ${channels} ${channels === 1 ? "class" : "classes"}`;
  const misfit = labelsMisfit(labels, classes, channels);
  if (!labelsOfFile) throw new OptionError(misfit);
  // A hidden layer was asked for: the file's names are those of its output.
  return { mirrored: false, notes: isOutput ? [note("labels-do-not-fit", misfit)] : [] };
}
