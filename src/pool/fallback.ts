// One instance with the kernels of the package, loaded where there are no workers.
export { defaultModel } from "../load-default-model";
export { fused, kernels } from "../load-model";
export { poolInThread } from "./in-thread";
