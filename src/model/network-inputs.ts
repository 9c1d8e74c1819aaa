/** What a network is given: one input, or several by name, checked and brought into the form the network takes. */
import { isFloat32Array } from "../bytes";
import { kindOf } from "../checks";
import type { PlacedInput } from "../compile/join-inputs";
import { InputError, OptionError, ShapeError } from "../errors";
import { guarded } from "../guard";
import type { ImageLike } from "../image/image";
import type { Preprocess } from "../image/preprocess-options";
import { suggest } from "../nearest";
import { tensorShape } from "../operation/layout";
import { showShape, sizeOf, type Tensor } from "../tensor";
import { preprocessed } from "./preprocessed";

/** An 8-bit picture, or a tensor that is already what the network takes. */
export type SingleInput = ImageLike | Tensor;

/** What every input of a network is given, by its name in the file. */
export type NamedInputs = Readonly<Record<string, SingleInput>>;

/** What a network is given: of a network with several inputs all of them, by name. */
export type Input = SingleInput | NamedInputs;

/** An input of a network, as `model.inputs` lists it. */
export interface ModelInput {
  readonly name: string;
  /** `[1, H, W, C]`; other ranks as the file says. */
  readonly shape: readonly number[];
  /** The type of whole numbers that the file wants here; absent for floats. */
  readonly integers?: string;
}

/** An input as the network has it: where it lies among all of them, and how a picture becomes it. */
export interface NetworkInput extends PlacedInput {
  readonly preprocess: Preprocess;
  readonly integers?: string;
}

/** Tensors of another copy of this package count too. */
export const isTensor = (input: unknown): input is Tensor =>
  typeof input === "object" &&
  input !== null &&
  "shape" in input &&
  Array.isArray(input.shape) &&
  input.shape.length <= 1024 &&
  input.shape.every(Number.isInteger) &&
  "data" in input &&
  isFloat32Array(input.data) &&
  // Of a detached array nothing is left.
  input.data.length === sizeOf(input.shape);

/** True where inputs are named, which neither a picture nor a Tensor does. */
export const isNamed = (input: Input): input is NamedInputs =>
  typeof input === "object" &&
  input !== null &&
  !isTensor(input) &&
  !Array.isArray(input) &&
  !ArrayBuffer.isView(input) &&
  !["width", "height", "shape"].some((key) => key in input && typeof input[key as never] !== "object") &&
  Object.keys(input).length > 0 &&
  Object.values(input).every((value) => typeof value === "object" && value !== null && !ArrayBuffer.isView(value));

export const shownInput = ({ name, shape, integers }: NetworkInput): ModelInput => ({
  name,
  shape: tensorShape(shape),
  ...(integers !== undefined && { integers }),
});

const listed = (inputs: readonly NetworkInput[]): string =>
  inputs.map(({ name, shape }) => `"${name}" (${showShape(tensorShape(shape))})`).join(", ");

/** A name as a key of an object that somebody writes. */
const asKey = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/** The two ways to run a network with several inputs, for advice. */
function waysOut(inputs: readonly NetworkInput[]): string {
  const all = inputs.map(({ name }) => `${asKey(name)}: …`).join(", ");
  const last = asKey(inputs[inputs.length - 1].name);
  return (
    `Give all of them by name, { ${all} }, or fix those that are not to be explained: ` +
    `loadModel(source, { inputs: { ${last}: { value: … } } }).`
  );
}

/**
 * The input that a picture is meant for.
 *
 * @param name  default: the first that takes pictures, else the first
 * @throws {OptionError} if there is no such input
 */
export function pictureInput<I extends Pick<NetworkInput, "name" | "shape">>(
  inputs: readonly I[],
  name: string | undefined,
): I {
  if (name === undefined) return inputs.find(({ shape }) => shape.length === 4) ?? inputs[0];
  const found = inputs.find((input) => input.name === name);
  if (found) return found;
  const names = inputs.map((input) => input.name);
  throw new OptionError(
    `The network has no input "${name}".${suggest(name, names)} It has ${names.map((each) => `"${each}"`).join(", ")}.`,
  );
}

/**
 * For what looks at one input alone.
 *
 * @param what  who looks, as a sentence begins with it
 * @throws {InputError} if the network has several
 */
export function onlyInput(inputs: readonly NetworkInput[], what: string): NetworkInput {
  if (inputs.length === 1) return inputs[0];
  const others = inputs.slice(1).map(({ name }) => `${asKey(name)}: { value: … }`);
  throw new InputError(
    `${what} takes networks with one input, and this one has ${inputs.length}: ${listed(inputs)}. Fix the others: ` +
      `loadModel(source, { inputs: { ${others.join(", ")} } }).`,
  );
}

/** What the only input is given: of one named input what is named. */
export function onlyGiven(inputs: readonly NetworkInput[], input: Input, what: string): SingleInput {
  onlyInput(inputs, what);
  return separateInputs(inputs, input)[0];
}

/**
 * What every input is given, in their order.
 *
 * @throws {InputError} if one is missing, or a name is none
 */
export function separateInputs(inputs: readonly NetworkInput[], input: Input): SingleInput[] {
  const several = inputs.length > 1;
  if (!isNamed(input)) {
    if (!several) return [input];
    throw new InputError(
      `The network has ${inputs.length} inputs, ${listed(inputs)}, and got ${kindOf(input)}. ${waysOut(inputs)}`,
    );
  }
  const names = inputs.map(({ name }) => name);
  const given = Object.keys(input);
  const unknown = given.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new InputError(
      `The network has no input "${unknown}".${suggest(unknown, names)} Its ${several ? "inputs are" : "input is"} ${listed(inputs)}.` +
        `${several ? ` ${waysOut(inputs)}` : " An input that what is explained does not depend on is not among them."}`,
    );
  }
  const missing = inputs.filter(({ name }) => !given.includes(name));
  if (missing.length > 0) {
    throw new InputError(
      `The network has ${inputs.length} inputs, ${listed(inputs)}; ${missing.map(({ name }) => `"${name}"`).join(", ")} ` +
        `${missing.length > 1 ? "are" : "is"} missing. ${waysOut(inputs)}`,
    );
  }
  return names.map((name) => input[name]);
}

/**
 * Checks what an input is given and brings it into memory order.
 *
 * @param order  a tensor of the input's shape in memory order
 */
export function prepared(
  input: NetworkInput,
  given: SingleInput,
  several: boolean,
  order: (tensor: Tensor) => Float32Array,
): Float32Array {
  if (!isTensor(given)) return preprocessed(given, shownInput(input), input.preprocess).data;
  return guarded("The input", () => {
    checkTensor(input, given, several);
    return order(given);
  });
}

function checkTensor({ name, shape }: NetworkInput, tensor: Tensor, several: boolean): void {
  const expected = tensorShape(shape);
  if (tensor.shape.length !== expected.length || tensor.shape.some((extent, axis) => extent !== expected[axis])) {
    const layout = expected.length === 4 ? " ([1, H, W, C]; Tensor.fromNCHW converts)" : "";
    const option = several ? `inputs: { ${asKey(name)}: { inputShape: … } }` : "inputShape";
    throw new ShapeError(
      `The input "${name}" takes a tensor of ${showShape(expected)}${layout}, got ${showShape(tensor.shape)}. ` +
        `To use another size, load the model with ${option}.`,
    );
  }
  const wrong = firstNotFinite(tensor.data);
  if (wrong >= 0) {
    throw new InputError(
      `The input${several ? ` "${name}"` : ""} has the value ${tensor.data[wrong]} at element ${wrong}; every value must be finite.`,
    );
  }
}

/** Index of the first NaN or infinity, or −1. A plain loop: this runs over every input of every call. */
export function firstNotFinite(data: Float32Array): number {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return i;
  return -1;
}
