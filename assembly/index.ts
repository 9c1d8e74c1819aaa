/** The exports of the module: the interface `Kernels` of src/wasm/kernels.ts, and where the caller's memory begins. */
export { prelu, unary } from "./activation";
export { preluBackward, unaryBackward } from "./activation-backward";
export { averagePool, averagePoolBackward } from "./average-pool";
export { scatterColumns } from "./columns";
export { conv } from "./conv";
export { dense } from "./dense";
export { depthwise } from "./depthwise";
export { add, addStrided, binary, copyStrided, gatherChannels, scaleRows, scaleShift } from "./elementwise";
export { expandHalf } from "./half";
export { instanceNorm, instanceNormBackward } from "./instance-norm";
export { lrn, lrnBackward } from "./lrn";
export { packWeights } from "./pack";
export { maxPool, maxPoolWide } from "./pool";
export { resample, resampleBackward } from "./resample";
export { softmax, softmaxBackward } from "./softmax";
export {
  maxPoolBackward,
  maxPoolWideBackward,
  maxUnpool,
  maxUnpoolBackward,
  maxUnpoolWide,
  maxUnpoolWideBackward,
} from "./unpool";
export { depthToSpace, spaceToDepth } from "./space-to-depth";
export { winograd } from "./winograd";
export { winogradWeights } from "./winograd-transforms";
export { __heap_base };
