/** Einsum of any number of operands: one product of matrices after the other. */

import { stringAttribute } from "../../graph/ir";
import { sizeOf } from "../../tensor";
import type { Lowered, Lowering } from "./emitter";

/** A value whose axes have letters. */
interface Term {
  readonly value: string;
  readonly letters: readonly string[];
  readonly shape: readonly number[];
}

export const einsum: Lowering = (from) => {
  const equation = stringAttribute(from.node, "equation").replace(/\s/g, "");
  const [left, written] = equation.split("->");
  const operands = left.split(",");
  if (operands.length !== from.node.inputs.length) return `its equation "${equation}" has ${operands.length} operands`;
  if (!/^([A-Za-z]|\.\.\.|,)*(->([A-Za-z]|\.\.\.)*)?$/.test(equation))
    return `its equation "${equation}" is not understood`;
  const terms: Term[] = [];
  for (const [i, text] of operands.entries()) {
    const shape = from.shape(i);
    const letters = lettersOf(text, shape.length);
    if (letters.length !== shape.length) return `its equation "${equation}" does not fit the axes of its inputs`;
    if (new Set(letters).size !== letters.length) return "a letter that stands twice in one operand is not supported";
    terms.push({ value: from.input(i), letters, shape });
  }
  const all = terms.flatMap(({ letters }) => letters);
  const dots = Math.max(0, ...terms.map(({ letters }) => letters.filter((letter) => letter.startsWith(".")).length));
  const out =
    written === undefined
      ? implicit(all)
      : lettersOf(written, written.replace("...", "").length + (written.includes("...") ? dots : 0));
  let [current, ...rest] = terms;
  if (rest.length === 0) current = { ...reduced(from, current, out) };
  for (const [i, next] of rest.entries()) {
    const later = new Set([...out, ...rest.slice(i + 1).flatMap(({ letters }) => letters)]);
    const product = multiplied(from, current, next, later);
    if (typeof product === "string") return product;
    current = product;
  }
  const perm = out.map((letter) => current.letters.indexOf(letter));
  if (perm.includes(-1)) return `its equation "${equation}" makes axes of nothing`;
  const inOrder = perm.every((axis, i) => axis === i);
  return from.result(inOrder ? current.value : from.transpose(current.value, perm));
};

/** Axes of an ellipsis are called ".0", ".1", … counted from the right. */
function lettersOf(text: string, rank: number): string[] {
  const [before, after] = text.split("...");
  if (after === undefined) return [...before];
  const count = Math.max(0, rank - before.length - after.length);
  return [...before, ...Array.from({ length: count }, (_, i) => `.${count - 1 - i}`), ...after];
}

/** Without a right side: what stands once, in the order of the alphabet, behind the ellipsis. */
function implicit(all: readonly string[]): string[] {
  const once = [...new Set(all)].filter(
    (letter) => letter.startsWith(".") || all.filter((one) => one === letter).length === 1,
  );
  const dots = once.filter((letter) => letter.startsWith(".")).sort((a, b) => Number(b.slice(1)) - Number(a.slice(1)));
  return [...dots, ...once.filter((letter) => !letter.startsWith(".")).sort()];
}

/** Summed over what nobody reads any more. */
function reduced(from: Lowered, term: Term, read: readonly string[]): Term {
  const axes = term.letters.flatMap((letter, axis) => (read.includes(letter) ? [] : [axis]));
  if (axes.length === 0) return term;
  const keep = <T>(list: readonly T[]): T[] => list.filter((_, axis) => !axes.includes(axis));
  return {
    value: from.emit("ReduceSum", [term.value, from.ints(axes)], { keepdims: 0 }),
    letters: keep(term.letters),
    shape: keep(term.shape),
  };
}

function multiplied(from: Lowered, first: Term, second: Term, read: ReadonlySet<string>): Term | string {
  const a = reduced(from, first, [...read, ...second.letters]);
  const b = reduced(from, second, [...read, ...first.letters]);
  const shared = a.letters.filter((letter) => b.letters.includes(letter));
  const batch = shared.filter((letter) => read.has(letter));
  const inner = shared.filter((letter) => !read.has(letter));
  const [rows, columns] = [a, b].map(({ letters }) => letters.filter((letter) => !shared.includes(letter)));
  const extent = ({ letters, shape }: Term, letter: string): number => shape[letters.indexOf(letter)];
  const extents = (term: Term, letters: readonly string[]): number[] => letters.map((letter) => extent(term, letter));
  if (inner.some((letter) => extent(a, letter) !== extent(b, letter)))
    return "an axis of one element that repeats in a sum is not supported";
  const matrix = (term: Term, order: readonly string[], shape: readonly number[]): string => {
    const perm = order.map((letter) => term.letters.indexOf(letter));
    const turned = perm.every((axis, i) => axis === i) ? term.value : from.transpose(term.value, perm);
    return from.reshape(turned, shape);
  };
  const k = sizeOf(extents(a, inner));
  const left = matrix(a, [...batch, ...rows, ...inner], [...extents(a, batch), sizeOf(extents(a, rows)), k]);
  const right = matrix(b, [...batch, ...inner, ...columns], [...extents(b, batch), k, sizeOf(extents(b, columns))]);
  const front = batch.map((letter) => Math.max(extent(a, letter), extent(b, letter)));
  const shape = [...front, ...extents(a, rows), ...extents(b, columns)];
  return {
    value: from.reshape(from.emit("MatMul", [left, right]), shape),
    letters: [...batch, ...rows, ...columns],
    shape,
  };
}
