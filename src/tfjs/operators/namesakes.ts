import { operators } from "../../operators/table";

/** The ONNX name of every operator that TensorFlow or Keras has under a name of its own, by that name. */
export const namesakes: ReadonlyMap<string, string> = /* @__PURE__ */ new Map(
  [...operators].flatMap(([op, { tensorflow = [] }]) => tensorflow.map((name): [string, string] => [name, op])),
);
