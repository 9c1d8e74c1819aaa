/** What the reader of a result should know: every note's code and text, in one table. */

/** Something the reader of a result should know. */
export interface Note {
  readonly code: NoteCode;
  readonly message: string;
}

export type NoteCode = keyof typeof messages;

const messages = {
  "all-negative-map": () =>
    "The map has no positive value: at this layer nothing speaks for the target. The heatmap shows only positive evidence and is empty; " +
    "the raw values are signed. Another layer or target may show more.",
  "gradient-averaging": () =>
    "Grad-CAM averages the gradient over the map, and here that moves the evidence: HiResCAM, which does not average, disagrees. " +
    "Places marked by Grad-CAM alone may not have been used (Draelos & Carin 2020).",
  "not-class-specific": () =>
    "This method fails the model-randomisation sanity check (Adebayo et al. 2018): the picture depends more on the image's edges " +
    "than on what the network learned. Use it to look, not as evidence for a class.",
  "not-about-the-target": () =>
    "Eigen-CAM does not look at the target: its map shows what stands out at this layer, the same for every class; of a box, among the places " +
    "that its score is computed from.",
  "hardly-about-the-target": () =>
    "This method leaves out what speaks against the target, or all signs, and its maps of two classes are often nearly the same: it shows " +
    "what the network finds in the picture more than what speaks for the target. Look at another target's map beside it.",
  "token-grid": (grid: string, others: string, assumed: string) =>
    `The tokens of ${grid}.${others === "yes" ? " What is beside the grid (class token, registers) stands at no place of the picture, and no map has it." : ""}` +
    `${assumed === "yes" ? " The places could not be followed through the network: their number and the picture's shape decided." : ""}`,
  "attention-only": () =>
    "Attention is what the network computes on its way, not what the answer rests on: a place that is attended to may be of no weight. " +
    "attentionRelevance and lrp follow it to an answer.",
  "negative-score": (score: string) =>
    `Ablation-CAM divides by the target's score, and that is ${score}: maps that speak for the target count negative here, ` +
    "and those that speak against it positive. Explain a target with a positive score, or read the map with its signs turned round.",
  "signal-died": () =>
    "Every value is exactly zero: on its way back the signal met only rectifiers or switches that let nothing pass.",
  "signal-faded": (share: string) =>
    `${share} of the values are exactly zero: almost everywhere the rectifiers let nothing pass on the way back, so what is left ` +
    "is not all that the network used.",
  "smooth-activations": (ops: string) =>
    `The network has smooth activations (${ops}). The rule is defined for rectifiers (ReLU and its relatives); these used their gradient.`,
  "probability-target": () =>
    "The explained output is a probability. Its gradient mixes all classes and vanishes where the network is certain; " +
    "the score before the softmax or sigmoid says more. It is explained where the file ends in one and no `output` is named.",
  "baseline-outside-range": (range: string) =>
    `The baseline has values that no image can have (the network's inputs lie in ${range}), so the path leaves the data.`,
  "target-equals-baseline": () =>
    "The input and the baseline have the same score, so there is no difference to attribute.",
  "unit-position": (position: string) =>
    `No position was given for the unit: the one where it is strongest, ${position}, is explained.`,
  "poor-fit": (share: string) =>
    `The linear model explains only ${share} of how the score changes when features are taken away: the features act together, and their ` +
    "single shares say little. Other segments, or kernelShap, may say more.",
  unfinished: (done: string, total: string, error: string) =>
    `The answer of ${done} of ${total} passes: coarser than what all of them give` +
    `${error === "" ? "" : `, and estimated to be ${error} off (distance to it as a share of it)`}. More budget refines it.`,
  "unused-options": (method: string, names: string) =>
    `${method} does not read ${names}, which other methods do: the result is the same without.`,
  "class-axis-assumed": (by: string, output: string, taken: string, other: string) =>
    `No softmax and no labels say which axis of the output ${output} holds the classes. ` +
    `${by === "layers" ? "The layers before it write their channels to" : "Nothing else says it either, so it is taken to be"} ${taken}. ` +
    `If that is wrong, pass classAxis: ${other} to loadModel, or as many labels as there are classes.`,
  "softmax-of-one": (axes: string) =>
    `The file's softmax runs along ${axes}, of one element, so that the file's output is 1 everywhere, whatever the input. Explained are the ` +
    "scores before it, and probabilities are those of a softmax over their classes. The axis is likely a mistake of the export.",
  "one-score": (kind: string) =>
    `The output is one score${kind === "logits" ? ", and the file does not say of what (its probability is the sigmoid, if it has one)" : ""}: ` +
    `above ${kind === "probabilities" ? "a half" : "0"} it speaks for the class, below against it. ` +
    "Pass two labels to loadModel, the second the name of the class: then the first can be asked for, whose score is this one with its sign turned round.",
  "detector-output": (text: string) => text,
  "labels-do-not-fit": (text: string) => `The class names in the file are left out: ${text}`,
  "dropout-inference": (nodes: string) =>
    `${nodes} would drop values at random as the file has it (training_mode is on). Here everything passes, as in inference: values and ` +
    "explanations are those of the trained network. Export it after model.eval().",
  "constant-output": (output: string) =>
    `The output "${output}" is the same whatever the input is: the file computes it from constants and shapes alone. Nothing in the input ` +
    "speaks for or against it: gradients and differences are zero, and RISE shows its masks.",
  "own-scaling": (where: string) =>
    `The network scales its own input at ${where}, so it seems to expect pixels 0..255; nothing says so, and pictures are given the range ` +
    "0..1. If that is wrong, pass preprocess: { range: [0, 255] } to loadModel. Tensors are passed as they are.",
  "integer-input": (type: string, range: string, by: string) =>
    `The network takes ${type} and makes floats of it itself: pictures are given as ${range}${by === "files" ? ", whatever files say of range, mean and std" : ""}. ` +
    "Tensors are passed as they are, in the same numbers; between whole numbers values and gradients are those of the network behind the conversion.",
  "integer-data": (name: string, type: string) =>
    `The input "${name}" holds ${type}: whole numbers that are passed as they are and become floats before anything is computed. Values and ` +
    "gradients there are those of the network behind the conversion; a share of it belongs to the number as a whole.",
  "config-beside": (what: string) =>
    `Files beside the model say ${what} (config.json, preprocessor_config.json). Options of loadModel stand above them.`,
  "plain-arithmetic": (reason: string) =>
    `The fastest arithmetic was asked for, and plain arithmetic ran: slower, with the bits that every host gives. ${reason}`,
  "fewer-threads": (asked: string, found: string, reason: string) =>
    `${asked} threads were asked for, and ${found === "1" ? "one computes" : `${found} compute`}: slower, with the same bits. ${reason}`,
  "config-refused": (reason: string) =>
    `A file beside the model is left out, since it cannot be what it says. ${reason} Mend it, or say what it should in options of loadModel.`,
  "nothing-flows": (reason: string) =>
    `The score does not depend on the input here: ${reason}. There is nothing to attribute, and the heatmap is empty.`,
  "all-zero-map": (reason: string) => `Every value is exactly zero: ${reason}.`,
  "rounding-only": (amount: string, largest: string, where: string) =>
    `The map is no more than rounding: it comes to ${amount}, where ${largest} flows at ${where}. The heatmap is empty.`,
  "flat-map": () =>
    "The map is the same everywhere, but for rounding: it says how much this layer has to do with the target, not where. The heatmap is empty.",
  "relevance-strays": (sum: string, score: string) =>
    `The relevance sums to ${sum}, and the score is ${score}: the rules kept part of it in biases, or made more of it than there is. ` +
    "Compare places of this map with each other, not with the score; composite 'epsilon' strays least.",
  "negative-relevance": (score: string) =>
    `The score is ${score}, below zero, and the composite's rules (zPlus, alphaBeta, gamma) hand on what adds to a value: at some layer nothing ` +
    "does, so all of it is lost and every value is zero. Take composite 'epsilon', which hands on both signs, or a target with a positive score.",
  "not-finite": (where: string) =>
    `There are values that are not finite (NaN or infinite). They come from ${where}. Such a map is no evidence; heatmap refuses it.`,
  "normalisation-assumed": () =>
    "Neither the file nor the call says how pixels become numbers: 0 to 1 (pixel / 255), without mean and std, is assumed. A network " +
    "that was trained on other numbers sees another picture than you do. Pass preprocess to loadModel.",
  quantised: (reading: string, apart: string) =>
    (reading === "float"
      ? "The network is quantised, and its integers are read as the real numbers that they stand for: nothing is rounded on the way, as it is " +
        "on the device. Without quantized: 'float' it is read as it is deployed."
      : "The network is quantised, and computes with integers as it does on the device: values are rounded to the grids of numbers that these " +
        "stand for. Gradients pass straight through the rounding and are zero where a grid ends. quantized: 'float' reads real numbers.") +
    apart,
  "lite-metadata": (what: string) =>
    `The metadata of the TensorFlow Lite file say ${what}. Options of loadModel stand above them.`,
  "lite-metadata-refused": (reason: string) =>
    `The metadata of the TensorFlow Lite file are left out, since they are damaged. ${reason}`,
  "post-processing-cut": (operators: string, outputs: string, rule: string) =>
    `The file ends in ${operators}, which picks among results and has no gradient. It is left out: the outputs are what it reads, "${outputs}".${rule}`,
  "batch-of-one": (batch: string, names: string) =>
    `The file fixes ${batch} samples for "${names}", and is read for one: samples never mix here, so each has the numbers it would have by itself.`,
  "first-subgraph": (count: string, name: string) =>
    `The TensorFlow Lite file holds ${count} networks (subgraphs), and the first is read${name === "" ? "" : `, "${name}"`}.`,
  "picks-inside": (nodes: string) =>
    `${nodes} of what is computed from the picture, and later layers read only that. What is picked is taken as it is for this picture: ` +
    "gradients pass through it to where it came from, and say nothing of what would be picked instead.",
  "grid-of-box": (grid: string) =>
    `No grid was given: masks have ${grid}×${grid} cells, by the size of the box. Finer cells are noisier, and want more masks.`,
  "box-evidence": (inside: string, control: string) =>
    `${inside} of what speaks for it lies inside the box${control === "" ? "" : `; a box of the same size beside it has at most ${control}`}. ` +
    "Evidence outside is context, which a person may use too, or a cheat: compare it with that of another box of the class before concluding anything.",
  "evidence-beside-box": (near: string) =>
    `Only ${near} of what speaks for the box lies within twice its width and height. Either the network looks elsewhere, or the method does not ` +
    "tell places apart so finely: random masks need to be many and their cells smaller than the box, and gradients at pixels are noisy around a small " +
    "one. HiResCAM, LayerCAM and LRP follow the box's own score: see whether they agree.",
  "map-target": () => "The output is a map: the target is the mean of the class over all positions.",
} as const;

/** Every code: docs/notes.md lists them. */
export const noteCodes: readonly string[] = /* @__PURE__ */ Object.keys(messages);

/** Makes a note from its code. */
export function note<C extends NoteCode>(code: C, ...details: Parameters<(typeof messages)[C]>): Note {
  const message = messages[code] as (...details: readonly string[]) => string;
  return { code, message: message(...details) };
}

/** All notes, each code once. */
export const joinNotes = (...lists: readonly (readonly Note[])[]): Note[] => [
  ...new Map(lists.flat().map((each) => [each.code, each])).values(),
];
