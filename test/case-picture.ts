import { Tensor } from "../src/index";

/** The picture of the cases beside the project, three channels, range 0..1. */
export const casePicture = (size = 16): Tensor =>
  new Tensor(
    Float32Array.from({ length: size * size * 3 }, (_, i) => {
      const [c, w, h] = [i % 3, Math.floor(i / 3) % size, Math.floor(i / 3 / size)];
      return ((17 * w + 31 * h + 71 * c + 23 * ((w >> 2) ^ (h >> 2))) % 256) / 255;
    }),
    [1, size, size, 3],
  );
