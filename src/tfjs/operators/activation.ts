import { graphAxis, image } from "../axes";
import { type GraphBuilder, refuse, type Value } from "../graph-builder";
import type { Json, JsonObject } from "../json";
import { isObject } from "../json";
import { namesakes } from "./namesakes";
import { binary, clip, unary } from "./pointwise";

type Function = (b: GraphBuilder, x: Value) => Value;

const times = (b: GraphBuilder, given: Value, gate: Function): Value => {
  const x = image(b, given);
  return b.emit("Mul", [x, gate(b, x)]);
};

export const softmax = (b: GraphBuilder, op: "Softmax" | "LogSoftmax", given: Value, axis = -1): Value => {
  const x = image(b, given);
  return b.emit(op, [x], { axis: graphAxis(x, axis) });
};

const swish: Function = (b, x) => times(b, x, (_, y) => unary(b, "Sigmoid", y));
const relu6: Function = (b, x) => clip(b, x, 0, 6);

/** Activations of Keras that are no single operator of the table. Where Keras and TensorFlow.js differ, as TensorFlow.js computes them. */
const functions: Readonly<Record<string, Function>> = {
  linear: (b, x) => image(b, x),
  relu6,
  softmax: (b, x) => softmax(b, "Softmax", x),
  log_softmax: (b, x) => softmax(b, "LogSoftmax", x),
  hard_sigmoid: (b, x) => unary(b, "HardSigmoid", x, { alpha: 0.2, beta: 0.5 }),
  softsign: (b, given) => {
    const x = image(b, given);
    return b.emit("Div", [x, binary(b, "Add", b.emit("Abs", [x]), b.scalar(1))]);
  },
  swish,
  silu: swish,
  gelu_new: (b, x) => unary(b, "Gelu", x, { approximate: "tanh" }),
  leaky_relu: (b, x) => unary(b, "LeakyRelu", x, { alpha: 0.2 }),
};

/** Applies an activation as a layer's configuration names it: text, or an object with a class name. */
export function activation(b: GraphBuilder, x: Value, named: Json | undefined): Value {
  const name = nameOf(named);
  const namesake = namesakes.get(name);
  if (namesake) return unary(b, namesake, x);
  const apply = Object.hasOwn(functions, name) ? functions[name] : undefined;
  return apply ? apply(b, x) : refuse(`its activation "${name}" is not supported`);
}

function nameOf(named: Json | undefined): string {
  if (named === undefined || named === null) return "linear";
  if (typeof named === "string") return snakeCase(named);
  const { class_name: className, config }: JsonObject = isObject(named) ? named : {};
  // Keras 3 writes a function as an object whose configuration is its name.
  if (className === "function" && typeof config === "string") return snakeCase(config);
  return typeof className === "string" ? snakeCase(className) : JSON.stringify(named);
}

/** TensorFlow.js writes hardSigmoid where Keras writes hard_sigmoid, Keras 3 ReLU where a class was meant. */
const snakeCase = (name: string): string =>
  name
    .replace(/^(LeakyReLU|ReLU|ELU|SELU)$/, (word) => (word === "LeakyReLU" ? "leaky_relu" : word.toLowerCase()))
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
