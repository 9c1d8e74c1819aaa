import { type Attribute, Constant, type Node } from "../graph/ir";

/** The value of a Constant node, or undefined where it is none that this package computes with (strings). */
export function constantOf(node: Node): Constant | undefined {
  if (!node.outputs[0]) return undefined;
  const value = node.attributes.get("value");
  if (value instanceof Constant) return value;
  const float = node.attributes.get("value_float");
  if (typeof float === "number") return Constant.fromFloats(Float32Array.of(float), []);
  const int = node.attributes.get("value_int");
  if (typeof int === "number") return Constant.fromNumbers("int", [int], []);
  const floats = numbersOf(node.attributes.get("value_floats"));
  if (floats) return Constant.fromFloats(Float32Array.from(floats), [floats.length]);
  const ints = numbersOf(node.attributes.get("value_ints"));
  if (ints) return Constant.fromNumbers("int", ints, [ints.length]);
  return undefined;
}

const numbersOf = (value: Attribute | undefined): readonly number[] | undefined =>
  Array.isArray(value) ? value.filter((item): item is number => typeof item === "number") : undefined;
