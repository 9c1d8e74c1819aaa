import { show } from "../checks";
import { InputError } from "../errors";
import { isRecord } from "../json-text";
import { type ComparedNetwork, type Comparison, comparisonFormat } from "./comparison";

/** @throws {InputError} if the data are no result of `compareModels` */
export function checkComparison(given: unknown): asserts given is Comparison {
  if (given instanceof Promise) throw new InputError("from is a promise: await compareModels first.");
  if (!isRecord(given) || given.format !== comparisonFormat) {
    throw new InputError(
      `from is no result of compareModels: expected an object with format "${comparisonFormat}", got ${show(isRecord(given) ? given.format : given)}.`,
    );
  }
  const { a, b, images, failures, grid } = given;
  const isNetwork = (network: unknown): boolean => isRecord(network) && typeof network.modelHash === "string";
  if (!isNetwork(a) || !isNetwork(b) || !Number.isInteger(grid) || !Array.isArray(images) || !Array.isArray(failures))
    throw new InputError("from is damaged: its networks, images or failures are missing.");
  if (!failures.every((each) => isRecord(each) && typeof each.id === "string" && typeof each.message === "string"))
    throw new InputError("from is damaged: a failure has no id or no message.");
  const wrong = images.findIndex((image) => !isImage(image, Number(grid)));
  if (wrong >= 0) throw new InputError(`from is damaged: image ${wrong + 1} is not whole.`);
}

const isImage = (image: unknown, grid: number): boolean =>
  isRecord(image) &&
  typeof image.id === "string" &&
  ["undefined", "string"].includes(typeof image.digest) &&
  typeof image.agrees === "boolean" &&
  Number.isFinite(image.correlation) &&
  [image.a, image.b].every(
    (answer) =>
      isRecord(answer) &&
      Number.isInteger(answer.index) &&
      Number.isFinite(answer.probability) &&
      Array.isArray(answer.map) &&
      answer.map.length === grid * grid &&
      answer.map.every((value) => Number.isFinite(value)),
  );

type Asked = Pick<Comparison, "method" | "layer" | "grid" | "seed" | "a" | "b">;

/** @throws {InputError} naming the first option in which two comparisons differ */
export function checkSameComparison(from: Comparison, asked: Asked): void {
  for (const field of ["method", "layer", "grid", "seed"] as const) same(field, from[field], asked[field]);
  for (const side of ["a", "b"] as const) {
    // What it is called, and how often it was right, is no part of what it is.
    const own = ({ name: _, accuracy: __, ...key }: ComparedNetwork): Record<string, unknown> => ({ ...key });
    const [one, other] = [own(from[side]), own(asked[side])];
    for (const field of new Set([...Object.keys(other), ...Object.keys(one)]))
      same(`${field} of network ${side}`, one[field], other[field]);
  }
}

function same(what: string, one: unknown, other: unknown): void {
  if (JSON.stringify(one) === JSON.stringify(other)) return;
  throw new InputError(
    `from belongs to another comparison: its ${what} is ${show(one)}, that of this comparison is ${show(other)}. ` +
      "To go on from it takes the same networks and options.",
  );
}
