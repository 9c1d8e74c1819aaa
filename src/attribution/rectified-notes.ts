import type { LoadedModel } from "../model/loaded-model";
import { type Note, note } from "../notes";

/** Above this share of exact zeros little of the signal has arrived. */
const fadedShare = 0.9;

/** The notes of methods whose rectifiers drop negative signal. */
export function rectifiedNotes(values: Float32Array, model: LoadedModel): Note[] {
  const zeros = values.reduce((count, value) => count + Number(value === 0), 0) / values.length;
  const notes = [note("not-class-specific"), ...smoothActivations(model)];
  if (zeros === 1) notes.push(note("signal-died"));
  else if (zeros > fadedShare) notes.push(note("signal-faded", `${Math.floor(zeros * 100)} %`));
  return notes;
}

const smooth: ReadonlySet<string> = new Set([
  "HardSwish",
  "HardSigmoid",
  "Sigmoid",
  "Tanh",
  "Softplus",
  "Gelu",
  "Erf",
  "Swish",
]);

/** The note about activations that a rectifier rule does not touch, if the network has any before the explained value. */
function smoothActivations(model: LoadedModel): Note[] {
  const { result, explained } = model.parts;
  const ops = model.fast.operations
    .filter(({ node, outputs }) => smooth.has(node.op) && !(outputs.includes(result) && result !== explained))
    .map(({ node }) => node.op);
  return ops.length > 0 ? [note("smooth-activations", [...new Set(ops)].join(", "))] : [];
}
