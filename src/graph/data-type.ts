import type { ConstantKind } from "./ir";

/** The kind that a TensorProto.DataType number stands for. */
export function kindOfDataType(type: number): ConstantKind {
  if (type === 9) return "bool";
  return type === 1 || type === 10 || type === 11 || type === 16 ? "float" : "int";
}
