/**
 * seethrough explains what a convolutional neural network saw.
 *
 * @packageDocumentation
 */
export * from "./api"; // add what is public there: every entry shares it
export { decodeImage } from "./decode-image";
export { loadModel } from "./load-model";
export { maxPool, maxUnpool } from "./pooling";
