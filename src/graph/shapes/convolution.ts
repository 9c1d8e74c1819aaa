import { showShape } from "../../tensor";
import { type Node, numberAttribute, numbersAttribute } from "../ir";
import { constantInput, inputShape, type Shape, type ShapeRule, shapeError } from "./rule";
import { poolKernel, transposeGeometry, windowGeometry } from "./window";

const shown = (x: Shape, weight: Shape): string => `(input ${showShape(x)}, weight ${showShape(weight)})`;

function groupsOf(node: Node): number {
  const groups = numberAttribute(node, "group", 1);
  if (!(Number.isInteger(groups) && groups >= 1)) shapeError(node, `group must be at least 1, the file has ${groups}.`);
  return groups;
}

function checkWeight(node: Node, x: Shape, weight: Shape): void {
  if (x.length < 3 || weight.length !== x.length) {
    shapeError(node, `input and weight must have the same rank of at least 3 ${shown(x, weight)}.`);
  }
  const kernel = numbersAttribute(node, "kernel_shape", []);
  if (kernel.length > 0 && showShape(kernel) !== showShape(weight.slice(2))) {
    shapeError(
      node,
      `kernel_shape says ${showShape(kernel)}, the weight has ${showShape(weight.slice(2))} ${shown(x, weight)}.`,
    );
  }
}

function checkBias(node: Node, bias: Shape | undefined, channels: number): void {
  if (bias && (bias.length !== 1 || bias[0] !== channels)) {
    shapeError(node, `the bias must have ${channels} values, one per output channel, it is ${showShape(bias)}.`);
  }
}

export const conv: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const weight = inputShape(node, inputs, 1);
  const groups = groupsOf(node);
  checkWeight(node, x, weight);
  const [channels, expected] = [x[1], weight[1] * groups];
  if (channels !== expected) {
    const advice = channels === 4 && expected === 3 ? " If the image is RGBA, drop the alpha channel." : "";
    const grouped = groups > 1 ? ` in ${groups} groups` : "";
    shapeError(
      node,
      `input has ${channels} channels, weight expects ${expected}${grouped} ${shown(x, weight)}.${advice || " Check the input shape (N, C, H, W)."}`,
    );
  }
  if (weight[0] % groups !== 0) {
    shapeError(node, `${weight[0]} output channels cannot be split into ${groups} groups ${shown(x, weight)}.`);
  }
  checkBias(node, inputs[2], weight[0]);
  return [[x[0], weight[0], ...windowGeometry(node, x.slice(2), weight.slice(2)).out]];
};

export const convTranspose: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const weight = inputShape(node, inputs, 1);
  const groups = groupsOf(node);
  checkWeight(node, x, weight);
  if (x[1] !== weight[0] || weight[0] % groups !== 0) {
    const grouped = groups > 1 ? ` in ${groups} equal groups` : "";
    shapeError(
      node,
      `input has ${x[1]} channels, weight expects ${weight[0]}${grouped} ${shown(x, weight)}. Check the input shape (N, C, H, W).`,
    );
  }
  checkBias(node, inputs[2], weight[1] * groups);
  return [[x[0], weight[1] * groups, ...transposeGeometry(node, x.slice(2), weight.slice(2)).out]];
};

function spatialInput(node: Node, x: Shape): Shape {
  if (x.length < 3) shapeError(node, `the input must have the axes N, C and at least one more, it is ${showShape(x)}.`);
  return x.slice(2);
}

export const averagePool: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const spatial = spatialInput(node, x);
  return [[x[0], x[1], ...windowGeometry(node, spatial, poolKernel(node, spatial)).out]];
};

/** The second output holds the positions of the maxima. */
export const maxPool: ShapeRule = (...given) => {
  const [shape] = averagePool(...given);
  return [shape, shape];
};

export const maxUnpool: ShapeRule = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const indices = inputShape(node, inputs, 1);
  const spatial = spatialInput(node, x);
  if (showShape(x) !== showShape(indices)) {
    shapeError(node, `values and indices must have one shape, they are ${showShape(x)} and ${showShape(indices)}.`);
  }
  const wanted = constantInput(node, constants, 2, "output shape");
  if (wanted) {
    if (wanted.length !== x.length || !wanted.every((n) => Number.isSafeInteger(n) && n >= 1)) {
      shapeError(node, `the output shape [${wanted.join(", ")}] does not fit an input ${showShape(x)}.`);
    }
    return [wanted];
  }
  const kernel = poolKernel(node, spatial);
  // The inverse of pooling: as far as the windows of the pooling reach.
  return [[x[0], x[1], ...transposeGeometry(node, spatial, kernel).out]];
};

export const globalPool: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  return [[x[0], x[1], ...spatialInput(node, x).map(() => 1)]];
};
