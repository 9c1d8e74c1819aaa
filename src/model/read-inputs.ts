/** The inputs of a network as the caller settles them: shapes, how pictures become numbers, and those with a value of their own. */
import { checkOptions, kindOf, oneOf, show } from "../checks";
import { fixedShape } from "../compile/input-shapes";
import { OptionError, ShapeError } from "../errors";
import { Constant, type Graph, type GraphInput, type StaticGraph } from "../graph/ir";
import { rowMajorLoops, visitPairs } from "../graph/regions";
import type { ImageLike } from "../image/image";
import { normalisation } from "../image/normalisation";
import type { Preprocess } from "../image/preprocess-options";
import { suggest } from "../nearest";
import { showShape, sizeOf, Tensor } from "../tensor";
import { checkWholePixels, integerRange } from "./integer-pixels";
import type { Metadata } from "./metadata";
import { preprocessed } from "./preprocessed";

/** What an input always is. */
export type FixedValue = Tensor | ImageLike | readonly number[] | Float32Array | number;

/** What is known of one input of a network. */
export interface InputOptions {
  /** Fixes its shape where the file leaves it open, in the file's order of axes. */
  readonly inputShape?: readonly number[];
  /** How pictures become this input; what is not given here is as `LoadOptions.preprocess` and the file say. */
  readonly preprocess?: Preprocess;
  /**
   * What the input always is: it becomes a constant of the network, which then has one input less. A Tensor, a picture, the numbers in
   * the file's order of axes, or one number for every element.
   */
  readonly value?: FixedValue;
}

/** The options of `loadModel` that bear on inputs. */
export interface OptionsOfInputs {
  readonly inputs?: Readonly<Record<string, InputOptions>>;
  readonly inputShape?: readonly number[];
  readonly preprocess?: Preprocess;
}

type Shapes = ReadonlyMap<string, readonly number[]>;

/** @throws {OptionError} if the options are none, or a shape is not one of one sample; their names are looked for in the file later */
export function checkInputOptions({ inputs, inputShape }: OptionsOfInputs): void {
  checkInputShape("inputShape", inputShape);
  if (inputs === undefined) return;
  if (typeof inputs !== "object" || inputs === null || Array.isArray(inputs) || ArrayBuffer.isView(inputs)) {
    throw new OptionError(`inputs names every input by its name in the file, { name: { … } }, got ${kindOf(inputs)}.`);
  }
  for (const [name, options] of Object.entries(inputs)) {
    checkOptions(`inputs["${name}"]`, options, ["inputShape", "preprocess", "value"]);
    checkPreprocess(`inputs["${name}"].preprocess`, options?.preprocess);
    checkInputShape(`inputs["${name}"].inputShape`, options?.inputShape);
  }
}

export const checkPreprocess = (where: string, settings: unknown): void =>
  checkOptions(where, settings, ["range", "mean", "std", "channels", "fit"]);

function checkInputShape(option: string, shape: readonly number[] | undefined): void {
  if (shape === undefined) return;
  if (!Array.isArray(shape) || !shape.every((extent) => typeof extent === "number"))
    throw new OptionError(`${option} is a list of numbers, got ${show(shape)}.`);
  if (shape[0] !== 1) {
    throw new OptionError(
      `${option} [${shape.join(", ")}]: explanations take one sample at a time, so the first number must be 1.`,
    );
  }
}

/** @throws {OptionError} if the options name an input that the file does not have, with the nearest */
export function checkInputNames({ inputs }: Graph, { inputs: given = {} }: OptionsOfInputs): void {
  const names = inputs.map(({ name }) => name);
  for (const [name, options] of Object.entries(given)) {
    if (names.includes(name) || options === undefined) continue;
    throw new OptionError(
      `inputs: the network has no input "${name}".${suggest(name, names)} It has ${names.map((each) => `"${each}"`).join(", ")}.`,
    );
  }
}

/**
 * The shapes that are asked for, by name. Networks are compiled for one sample whatever batch the file names.
 *
 * @param first  of the first input, where nothing is said of it by name
 */
export function askedShapes(
  { inputs }: Graph,
  { inputs: given = {} }: OptionsOfInputs,
  first?: readonly number[],
): Shapes {
  return new Map(
    inputs.flatMap(({ name, shape }, i): [string, readonly number[]][] => {
      const asked = (Object.hasOwn(given, name) ? given[name].inputShape : undefined) ?? (i === 0 ? first : undefined);
      if (asked) return [[name, asked]];
      const [batch, ...rest] = shape;
      const known = rest.every((extent): extent is number => typeof extent === "number");
      return typeof batch === "number" && batch > 1 && known ? [[name, [1, ...(rest as number[])]]] : [];
    }),
  );
}

/** The inputs that have a value, as constants of the network. */
export interface FixingRequest {
  readonly file: Graph;
  readonly options: OptionsOfInputs;
  readonly metadata: Metadata;
  /** The axes of a value in the order in which the file writes them. */
  readonly fileOrder: (value: string, rank: number) => readonly number[];
  /** True where the graph has the shapes already that inputs are to have. */
  readonly isFinal: boolean;
}

/** @throws {OptionError} or {ShapeError} if a value does not fill its input, or no input is left */
export function fixedInputs({ file, options, metadata, fileOrder, isFinal }: FixingRequest): Map<string, Constant> {
  const shapes = isFinal ? new Map() : askedShapes(file, options, options.inputShape);
  const found = new Map<string, Constant>();
  for (const input of file.inputs) {
    const { value, preprocess } = options.inputs?.[input.name] ?? {};
    if (value === undefined) continue;
    const given =
      isTensorLike(value) && !shapes.has(input.name) ? graphShape(input, value.shape) : shapes.get(input.name);
    const shape = fixedShape(input, given);
    const numbers = numbersOf(input, shape, value, {
      order: fileOrder(input.name, shape.length),
      settings: { ...integerSettings(input), ...metadata.preprocess, ...options.preprocess, ...preprocess },
    });
    checkNumbers(input, numbers);
    found.set(input.name, constantOf(input, numbers, shape));
  }
  if (found.size > 0 && found.size === file.inputs.length) {
    throw new OptionError(
      `inputs gives a value for every input of the network (${[...found.keys()].map((name) => `"${name}"`).join(", ")}): ` +
        "nothing is left to explain. Leave out the value of one.",
    );
  }
  return found;
}

const isTensorLike = (value: unknown): value is Tensor =>
  typeof value === "object" && value !== null && "shape" in value && "data" in value;

const isPicture = (value: object): value is ImageLike => "width" in value && "height" in value;

/** The shape of a Tensor with the axes in the order of the input: of rank 4 a Tensor has its channels last. */
function graphShape({ shape }: Pick<GraphInput, "shape">, given: readonly number[]): readonly number[] {
  if (given.length !== 4) return given;
  const turned = [given[0], given[3], given[1], given[2]];
  const fits = (candidate: readonly number[]): boolean =>
    shape.length === 0 || candidate.every((extent, axis) => typeof shape[axis] !== "number" || shape[axis] === extent);
  return fits(turned) || !fits(given) ? turned : given;
}

/** Row-major, in the graph's order of axes. */
function numbersOf(
  input: GraphInput,
  shape: readonly number[],
  value: FixedValue,
  { order, settings }: { readonly order: readonly number[]; readonly settings: Preprocess },
): Float32Array {
  const size = sizeOf(shape);
  if (typeof value === "number") return new Float32Array(size).fill(value);
  if (isTensorLike(value)) return ofTensor(input, shape, value);
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value)) {
    const numbers = Float32Array.from(value as ArrayLike<number>, Number);
    if (numbers.length !== size) {
      throw new ShapeError(
        `inputs["${input.name}"].value has ${numbers.length} numbers; the input ${showShape(shape)} takes ${size}.`,
      );
    }
    return inGraphOrder(numbers, shape, order);
  }
  if (typeof value === "object" && value !== null && isPicture(value)) {
    const isChannelsLast = shape.length === 4 && shape[1] > 4 && shape[3] <= 4;
    const seen = isChannelsLast || shape.length !== 4 ? shape : [shape[0], shape[2], shape[3], shape[1]];
    return ofTensor(input, shape, preprocessed(value, { name: input.name, shape: seen }, settings));
  }
  throw new OptionError(
    `inputs["${input.name}"].value is a Tensor, a picture, a list of numbers or a number, got ${kindOf(value)}.`,
  );
}

function ofTensor(input: GraphInput, shape: readonly number[], tensor: Tensor): Float32Array {
  const { shape: given, data } = tensor;
  const expected = shape.length === 4 ? [shape[0], shape[2], shape[3], shape[1]] : shape;
  if (showShape(given) === showShape(expected)) {
    return given.length === 4 ? new Tensor(data, given).toNCHW() : data.slice();
  }
  if (showShape(given) === showShape(shape)) return data.slice();
  throw new ShapeError(
    `inputs["${input.name}"].value is a tensor of ${showShape(given)}; the input takes ${showShape(expected)}` +
      `${shape.length === 4 ? " ([1, H, W, C]; Tensor.fromNCHW converts)" : ""}.`,
  );
}

/** Numbers in the file's order of axes, in the graph's. */
function inGraphOrder(numbers: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  if (order.every((axis, i) => axis === i)) return numbers;
  const written = order.map((axis) => shape[axis]);
  const out = new Float32Array(numbers.length);
  visitPairs(rowMajorLoops({ extents: written, to: { axes: order } }, written, shape), (from, to) => {
    out[to] = numbers[from];
  });
  return out;
}

function checkNumbers({ name, integers }: GraphInput, numbers: Float32Array): void {
  const wrong = numbers.findIndex(
    (value) => !Number.isFinite(value) || (integers !== undefined && !Number.isInteger(value)),
  );
  if (wrong < 0) return;
  const expected = integers === undefined ? "finite" : `a whole number, the input holds ${integers}`;
  throw new OptionError(
    `inputs["${name}"].value has ${numbers[wrong]} at element ${wrong}; every value must be ${expected}.`,
  );
}

function constantOf({ integers }: GraphInput, numbers: Float32Array, shape: readonly number[]): Constant {
  if (integers === undefined) return Constant.fromFloats(numbers, shape);
  return Constant.fromNumbers(integers === "bool" ? "bool" : "int", Array.from(numbers), shape);
}

/** Channels of an input that pictures can fill. */
export function pictureChannels(shape: readonly number[]): number | undefined {
  return shape.length === 4 && (shape[1] === 1 || shape[1] === 3) ? shape[1] : undefined;
}

const integerSettings = ({ integers }: Pick<GraphInput, "integers">): Preprocess =>
  integers === undefined ? {} : { range: integerRange(integers) };

/**
 * How pictures become an input: what the caller says goes before what the file says, one by one. What is said of the whole network
 * holds for every input with as many channels as its first picture: a mask beside a photograph is no photograph.
 *
 * @throws {OptionError} if that cannot be, so that it does not wait for the first picture
 */
export function preprocessOf(
  graph: StaticGraph,
  input: GraphInput,
  metadata: Metadata,
  options: OptionsOfInputs,
): Preprocess {
  const channelsIn = (name: string): number | undefined => pictureChannels(graph.shapes.get(name) ?? []);
  const channels = channelsIn(input.name);
  const first = graph.inputs.find(({ name }) => channelsIn(name) !== undefined);
  const isAlike = first === undefined || channels === channelsIn(first.name);
  const said = isAlike ? { ...metadata.preprocess, ...given(options.preprocess) } : {};
  const own = options.inputs?.[input.name]?.preprocess;
  const whole: Preprocess = { ...integerSettings(input), ...said, ...given(own) };
  if (channels !== undefined && input.integers !== undefined) checkWholePixels(whole, input.name, input.integers);
  if (channels !== undefined) normalisation(whole, channels);
  if (whole.fit !== undefined) oneOf("preprocess.fit", whole.fit, ["crop", "stretch", "pad"]);
  return whole;
}

const given = (settings: Preprocess | undefined): Preprocess =>
  Object.fromEntries(Object.entries(settings ?? {}).filter(([, value]) => value !== undefined));
