/** The exports of the module: the interface `Kernels` of src/wasm/kernels.ts, and where the caller's memory begins. */
export { prelu, unary } from "./activation";
export { preluBackward, unaryBackward } from "./activation-backward";
export { averagePool, averagePoolBackward } from "./average-pool";
export { convBackwardFewChannels } from "./col2im";
export { conv } from "./conv";
export { dense } from "./dense";
export { depthwise } from "./depthwise";
export { addScaled, addStrided, binary, copyStrided, dot, scale, scaleShift } from "./elementwise";
export { expandHalf } from "./half";
export { instanceNorm, instanceNormBackward } from "./instance-norm";
export { lrn, lrnBackward } from "./lrn";
export { packWeights } from "./pack";
export { pad } from "./pad";
export { maxPool, maxPoolWide } from "./pool";
export { resample, resampleBackward } from "./resample";
export { logSoftmax, logSoftmaxBackward, softmax, softmaxBackward } from "./softmax";
export { maxPoolBackward, maxPoolWideBackward, maxUnpool, maxUnpoolBackward } from "./unpool";
export { __heap_base };
