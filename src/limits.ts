/**
 * What somebody else's file may ask for. Everything is checked before it is allocated or begun, by whoever reads the file; a
 * caller may lower or raise each number (`loadModel(source, { limits })`), and `maxMemory` lowers the bytes of constants.
 */
import { checkOptions, show } from "./checks";
import { LimitError, OptionError, ShapeError } from "./errors";

/** Upper bounds on a model's file. */
export interface Limits {
  /** Bytes of the file, or of all files of a model together; default 4 GiB. */
  readonly fileBytes: number;
  /** Nodes of the graph, functions and branches of control flow counted where they are used, rounds of loops and what operators are written by too, and ten values that nodes read as one more; default 12,000. */
  readonly nodes: number;
  /** Axes of one value; default 32. */
  readonly rank: number;
  /** Elements of one value; default 2³⁰, 4 GiB as float32. */
  readonly elements: number;
  /** Bytes of all constants together that are computed while the file is read; default 512 MiB. */
  readonly foldedBytes: number;
  /** Lists and objects of JSON, or messages of protobuf, inside each other; default 256. */
  readonly nesting: number;
  /** Graphs inside of graphs, as the branches of an If are; default 20. */
  readonly subgraphs: number;
  /** Bytes of one name: of a node, a value, an operator, an attribute, a class; default 65,536. */
  readonly nameBytes: number;
  /** Bytes of one text: model.json, config.json, class names, an entry of metadata, an attribute; default 64 MiB. */
  readonly textBytes: number;
}

export const defaultLimits: Limits = {
  fileBytes: 4 * 2 ** 30,
  nodes: 12_000,
  rank: 32,
  elements: 2 ** 30,
  foldedBytes: 512 * 2 ** 20,
  nesting: 256,
  subgraphs: 20,
  nameBytes: 65_536,
  textBytes: 64 * 2 ** 20,
};

/** The arithmetic on constants of ordinary networks, which a small `maxMemory` does not forbid: that has its own error. */
const leastFolded = 64 * 2 ** 20;

/**
 * The limits of a call.
 *
 * @param maxMemory  bytes of wasm memory: constants may not take more, beyond what every network may fold
 * @throws {OptionError} if a limit is not known or no positive number
 */
export function limitsOf(given: Partial<Limits> = {}, maxMemory = Number.POSITIVE_INFINITY): Limits {
  checkOptions("limits", given, Object.keys(defaultLimits));
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && !(typeof value === "number" && value > 0))
      throw new OptionError(`limits.${name} must be a number above 0, got ${show(value)}.`);
  }
  const limits = {
    ...defaultLimits,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
  return { ...limits, foldedBytes: Math.min(limits.foldedBytes, Math.max(maxMemory, leastFolded)) };
}

const count = (value: number): string => value.toLocaleString("en-US");

/** @throws {LimitError} if there is more than the limit allows */
export function withinLimit(limits: Limits, name: keyof Limits, value: number, what: string): number {
  if (value <= limits[name]) return value;
  throw new LimitError(
    `${what}: ${count(value)}, and at most ${count(limits[name])} are allowed (limits.${name}). ` +
      "If you trust the file, raise the limit.",
    name,
    value,
    limits[name],
  );
}

/**
 * The product of extents, exact: extents are whole numbers of at least 0, and every partial product is checked, so that nothing overflows.
 *
 * @throws {LimitError} if it is above the limit of elements
 */
export function checkedProduct(extents: readonly number[], limits: Limits, what: string): number {
  withinLimit(limits, "rank", extents.length, `${what} has too many axes`);
  if (extents.includes(0)) return 0;
  let product = 1;
  for (const extent of extents) {
    product *= extent;
    if (product > limits.elements)
      withinLimit(limits, "elements", product, `${what} has too many elements, ${shown(extents)}`);
  }
  return product;
}

/** Places of which something is listed one by one, as in tables: a file of a few bytes may ask for any number. */
export const mostListed = 2 ** 22;

/** Moves that are made one after the other, each of elements of its own. */
export const mostMoves = 2 ** 16;

/** @throws {ShapeError} if more would be listed */
export function withinListed(places: number, what: string, most = mostListed): void {
  if (places <= most) return;
  throw new ShapeError(`${what}: ${count(places)} places would be listed one by one, and at most ${count(most)} are.`);
}

const shown = (extents: readonly number[]): string => extents.join("×");
