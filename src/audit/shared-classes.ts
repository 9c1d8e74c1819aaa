import { InputError } from "../errors";
import type { LoadedModel } from "../model/loaded-model";

const classesOf = ({ parts }: LoadedModel): number => parts.classAxis.classes;

/**
 * Whether the answers of two networks can be told to be the same: by their names, or, where a network has none, by their numbers.
 *
 * @param every  all classes of the first must be the other's, not some alone
 * @throws {InputError} if they cannot
 */
export function checkSharedClasses(first: LoadedModel, second: LoadedModel, every = false): void {
  const [{ labels: ones }, { labels: others }] = [first, second];
  if (ones && others) {
    const known = new Set(others);
    const missing = ones.filter((label) => !known.has(label));
    if (missing.length === 0 || (!every && missing.length < ones.length)) return;
    throw new InputError(
      missing.length === ones.length
        ? `${first.name} and ${second.name} have no class in common: one begins with "${ones[0]}", the other with "${others[0]}". Load both with the same labels, or compare other networks.`
        : `${second.name} has no class "${missing[0]}", which ${first.name} has. Load both with the same labels, or take another network.`,
    );
  }
  const [count, other] = [classesOf(first), classesOf(second)];
  if (count === other) return;
  throw new InputError(
    `${first.name} has ${count} classes and ${second.name} has ${other}, and without names of both nobody knows which are the same. ` +
      "Load both with labels, or take networks of the same classes.",
  );
}

/** The number in a network of a class of another. */
export const classIn = (
  { labels }: LoadedModel,
  { index, label }: { readonly index: number; readonly label?: string },
): number => (labels && label !== undefined ? labels.indexOf(label) : index);
