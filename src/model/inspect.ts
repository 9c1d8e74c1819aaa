import { checkParts } from "../checks";
import { OptionError } from "../errors";
import { guarded } from "../guard";
import { megabytes } from "../wasm/memory";
import { attentionLayers } from "./attention-layers";
import { camCandidates } from "./cam-layer";
import { checkerboardFindings } from "./checkerboard";
import { type LoadedModel, loaded } from "./loaded-model";
import type { Layer, Model } from "./model";
import type { ModelInput } from "./network-inputs";

/** What a network consists of, what it costs and what to know before explaining it. */
export interface ModelReport {
  readonly name: string;
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  /** Every input. */
  readonly inputs: readonly ModelInput[];
  readonly output: { readonly name: string; readonly shape: readonly number[] };
  readonly labels?: readonly string[];
  /** How many classes there are to choose from, and the axis of the output's shape (as above) that holds them. */
  readonly classes: { readonly count: number; readonly axis: number };
  readonly layers: readonly Layer[];
  readonly parameters: number;
  /** Multiply–accumulates of one forward pass. */
  readonly macs: number;
  /** Bytes of wasm memory the model holds now. */
  readonly residentBytes: number;
  /** Bytes that one forward pass, and one saliency, need: weights, activations, scratch. */
  readonly peakBytes: { readonly forward: number; readonly gradient: number };
  /** Layers for the CAM family, best first. */
  readonly camLayers: readonly { readonly layer: string; readonly shape: readonly number[] }[];
  /** Where the network attends, in the order in which it does; absent where it does not. */
  readonly attention?: readonly AttentionReport[];
  /** What might surprise. */
  readonly findings: readonly string[];
}

/** An attention layer: its softmax, and the matrices that come out of it. */
export interface AttentionReport {
  readonly layer: string;
  readonly heads: number;
  /** Parts of the tokens that attend by themselves; 1 where all attend to all. */
  readonly windows: number;
  /** Tokens that ask, the rows of each head's matrix, and tokens that are asked, its columns. */
  readonly queries: number;
  readonly keys: number;
}

const camLayersShown = 5;

/** Describes a loaded model. Nothing is computed. */
export function inspect(model: Model): ModelReport {
  return guarded("inspect", () => {
    const inner = loaded(model);
    const { fast, session, parts, layers } = inner;
    const weights = (direction: "forward" | "backward"): number =>
      fast.operations.reduce((total, operation) => total + operation.weightBytes[direction], 0);
    const forward = session.plan(fast, { batch: 1, start: fast.input, keep: [parts.result] });
    const gradient = session.plan(fast, {
      batch: 1,
      start: fast.input,
      keep: [],
      backward: [{ seed: parts.explained, wanted: [fast.input] }],
    });
    const attention = attentionLayers(inner).map(({ value: _, ...shown }) => shown);
    return {
      name: model.name,
      input: model.input,
      inputs: model.inputs,
      output: model.output,
      ...(model.labels && { labels: model.labels }),
      classes: { count: parts.classAxis.classes, axis: shownAxis(inner) },
      layers,
      parameters: sum(layers.map(({ parameters }) => parameters)),
      macs: sum(layers.map(({ macs }) => macs)),
      residentBytes: parts.memory.resident,
      peakBytes: {
        forward: weights("forward") + forward.bytes,
        gradient: weights("forward") + weights("backward") + gradient.bytes,
      },
      camLayers: camCandidates(inner)
        .slice(0, camLayersShown)
        .map(({ layer, maps: { height, width, channels } }) => ({ layer, shape: [1, height, width, channels] })),
      ...(attention.length > 0 && { attention }),
      findings: findingsOf(model),
    };
  });
}

/** Where the shape that people see has the classes: of rank 4 always last. */
function shownAxis({ parts, output }: LoadedModel): number {
  return output.shape.length === 4 ? 3 : (parts.classAxis.axes[0] ?? 0);
}

function findingsOf(model: Model): string[] {
  const { parts, fast, full } = loaded(model);
  const findings: string[] = [];
  const { outputKind, result, explained } = parts;
  if (result !== explained && outputKind !== "logits") {
    findings.push(`The file ends in a ${outputKind}; the scores before it, "${explained}", are explained.`);
  }
  const folded = full.operations.length - fast.operations.length;
  if (folded > 0)
    findings.push(`${folded} batch normalisations are folded into the weights of the layers before them.`);
  if (camCandidates(loaded(model)).length === 0)
    findings.push("No layer has maps larger than 1×1, so the CAM family has nothing to weigh.");
  const rectifiers = full.operations.filter(({ rectifier }) => rectifier).length;
  if (rectifiers === 0)
    findings.push("The network has no rectifiers: deconvnet and guided backprop equal the gradient.");
  return [...model.notes.map(({ message }) => message), ...findings, ...checkerboardFindings(loaded(model))];
}

function inputsOf(inputs: readonly ModelInput[]): string {
  const each = inputs.map(
    ({ name, shape, integers }) => `"${name}" ${shape.join("×")}${integers === undefined ? "" : ` (${integers})`}`,
  );
  return `${each.length === 1 ? "input" : "inputs"} ${each.join(", ")}`;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** @throws {OptionError} naming the part that is missing or damaged: reports may have been JSON */
function checkReport(report: ModelReport): void {
  const isShape = (shape: unknown): boolean =>
    Array.isArray(shape) && shape.every((extent) => typeof extent === "number");
  const isNumber = (value: unknown): boolean => typeof value === "number";
  const whole: Readonly<Record<string, boolean>> = {
    name: typeof report.name === "string",
    input: isShape(report.input?.shape) && typeof report.input.name === "string",
    inputs:
      Array.isArray(report.inputs) &&
      report.inputs.every((each) => typeof each?.name === "string" && isShape(each.shape)),
    output: isShape(report.output?.shape) && typeof report.output.name === "string",
    layers:
      Array.isArray(report.layers) &&
      report.layers.every(
        (each) =>
          typeof each?.name === "string" &&
          typeof each.op === "string" &&
          isShape(each.shape) &&
          isNumber(each.parameters) &&
          isNumber(each.macs),
      ),
    parameters: isNumber(report.parameters) && isNumber(report.macs),
    peakBytes: isNumber(report.peakBytes?.forward) && isNumber(report.peakBytes.gradient),
    camLayers:
      Array.isArray(report.camLayers) &&
      report.camLayers.every((each) => typeof each?.layer === "string" && isShape(each.shape)),
    attention:
      report.attention === undefined ||
      (Array.isArray(report.attention) &&
        report.attention.every(
          (each) =>
            typeof each?.layer === "string" &&
            [each.heads, each.windows, each.queries, each.keys].every((extent) => isNumber(extent)),
        )),
    findings: Array.isArray(report.findings) && report.findings.every((each) => typeof each === "string"),
  };
  const missing = Object.keys(whole).find((part) => !whole[part]);
  if (missing === undefined) return;
  throw new OptionError(`showReport takes what inspect(model) returns, whole: ${missing} is missing or damaged.`);
}

/** The report as text for people. */
export function showReport(report: ModelReport): string {
  return guarded("showReport", () => {
    checkParts("showReport", report, ["layers", "findings"], "what inspect(model) returns");
    checkReport(report);
    const shape = (extents: readonly number[]): string => extents.join("×");
    const count = (value: number): string => value.toLocaleString("en-US");
    const width = report.layers.reduce((most, { name }) => Math.max(most, name.length), 5);
    const lines = report.layers.map(({ name, op, shape: extents, parameters, macs }) =>
      [
        name.padEnd(width),
        op.padEnd(20),
        shape(extents).padEnd(16),
        count(parameters).padStart(12),
        count(macs).padStart(14),
      ].join("  "),
    );
    return [
      `${report.name}: ${inputsOf(report.inputs)}, output "${report.output.name}" ${shape(report.output.shape)}`,
      `${count(report.parameters)} parameters, ${count(report.macs)} multiply-accumulates`,
      `memory: ${megabytes(report.peakBytes.forward)} forward, ${megabytes(report.peakBytes.gradient)} with gradients`,
      "",
      [
        "layer".padEnd(width),
        "operator".padEnd(20),
        "shape".padEnd(16),
        "parameters".padStart(12),
        "macs".padStart(14),
      ].join("  "),
      ...lines,
      "",
      `layers for CAM: ${report.camLayers.map(({ layer, shape: extents }) => `${layer} (${extents[1]}×${extents[2]})`).join(", ") || "none"}`,
      ...(report.attention ?? []).map(
        ({ layer, heads, windows, queries, keys }) =>
          `attention: ${layer}, heads: ${heads}, tokens: ${queries} to ${keys}${windows === 1 ? "" : `, windows: ${windows}`}`,
      ),
      ...report.findings.map((finding) => `note: ${finding}`),
    ].join("\n");
  });
}
