/** Products as libraries name them: operands turned, the product scaled. */
import type { Lowered } from "./emitter";

/** The last two axes change places. */
export function turned(from: Lowered, index: number, key: string): string {
  if (!from.number(key, 0)) return from.input(index);
  const axes = from.shape(index).map((_, axis) => axis);
  const [rows, columns] = axes.splice(-2);
  return from.transpose(from.input(index), [...axes, columns, rows]);
}

export const scaled = (from: Lowered, x: string, by: number): string =>
  by === 1 ? x : from.emit("Mul", [x, from.scalar(by)]);
