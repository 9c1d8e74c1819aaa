/** Operators of quantised networks by name: those of other domains carry theirs in front. `compile/quantised` writes them by others. */
export const quantisedOperators: ReadonlySet<string> = /* @__PURE__ */ new Set([
  ...["QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul"],
  ...["ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"],
  ...[
    ...["QuantizeLinear", "DequantizeLinear", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MatMulNBits", "QGemm"],
    ...["QLinearAdd", "QLinearAveragePool", "QLinearConcat", "QLinearGlobalAveragePool", "QLinearLeakyRelu"],
    ...["QLinearMul", "QLinearSigmoid", "QLinearSoftmax"],
  ].map((op) => `com.microsoft::${op}`),
]);

/** True for an operator that makes, or computes with, integers that stand for other numbers: DequantizeLinear alone makes floats of them. */
export const computesQuantised = (op: string): boolean =>
  quantisedOperators.has(op) && op !== "DequantizeLinear" && op !== "com.microsoft::DequantizeLinear";
