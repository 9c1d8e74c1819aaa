/**
 * seethrough explains what a convolutional neural network saw.
 *
 * `createPool`, `CreatePoolOptions`, `WorkerPool`, `Explainers` and `ExplainerName` are imported from `seethrough/pool`,
 * everything else from `seethrough`.
 *
 * @packageDocumentation
 */
export * from "../src/index";
export * from "../src/pool";
