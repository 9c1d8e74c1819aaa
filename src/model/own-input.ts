/** Inputs that several passes read, one after the other, while their owner may do with theirs what they like. */
import { isByteArray } from "../bytes";
import { Tensor } from "../tensor";
import { type Input, isNamed, isTensor, type SingleInput } from "./network-inputs";

/** A copy that its owner cannot change. What is no input is left to whoever checks it. */
export function ownInput(input: Input): Input {
  if (!isNamed(input)) return ownSingle(input);
  return Object.fromEntries(Object.entries(input).map(([name, each]) => [name, ownSingle(each)]));
}

function ownSingle(input: SingleInput): SingleInput {
  if (isTensor(input)) return new Tensor(Float32Array.from(input.data), [...input.shape]);
  // A Node Buffer's slice is no copy.
  if (!isByteArray(input?.data)) return input;
  const { data, width, height } = input;
  return { data: new Uint8ClampedArray(data), width, height };
}
