import { Tensor } from "../../src/index";

/** Numbers from −1 to 1 that follow no pattern, the same in every run: [1, side, side, 3]. */
export function randomPicture(side: number, seed: number): Tensor {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return new Tensor(
    Float32Array.from({ length: side * side * 3 }, () => next() * 2 - 1),
    [1, side, side, 3],
  );
}
