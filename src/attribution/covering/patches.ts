/** The rectangles, of a volume the cuboids, that occlusion covers, one after the other. */

/** What occlusion slides over. */
export interface Frame {
  /** Slices of a volume, which lie below one another; else 1. */
  readonly depth: number;
  /** Rows, of a volume those of all slices. */
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** True for signals and vectors, which have one row: extents are one number. */
  readonly line: boolean;
}

/** Slices, rows of one slice, columns. */
export type Cuboid = readonly [depth: number, height: number, width: number];

export const cuboidOf = ({ depth, height, width }: Frame): Cuboid => [depth, height / depth, width];

export interface Patch {
  /** Slices from `front` on, before `back`; rows of a slice; columns. */
  readonly front: number;
  readonly back: number;
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
  /** Where its corner is in the list of tops and of lefts. */
  readonly row: number;
  readonly column: number;
}

export interface Patches {
  readonly window: Cuboid;
  readonly fronts: readonly number[];
  readonly tops: readonly number[];
  readonly lefts: readonly number[];
  /** Slice by slice, row by row; the last of each axis is clipped. */
  readonly all: readonly Patch[];
}

/** All positions: ⌈(D − window)/stride⌉ + 1 along each axis. */
export function patchesOf(frame: Frame, window: Cuboid, stride: Cuboid): Patches {
  const extents = cuboidOf(frame);
  const [fronts, tops, lefts] = extents.map((extent, axis) =>
    Array.from({ length: Math.ceil((extent - window[axis]) / stride[axis]) + 1 }, (_, k) => k * stride[axis]).filter(
      (start) => start < extent,
    ),
  );
  const [depth, height, width] = extents;
  const all = fronts.flatMap((front) =>
    tops.flatMap((top, row) =>
      lefts.map((left, column) => {
        const back = Math.min(front + window[0], depth);
        const bottom = Math.min(top + window[1], height);
        return { front, back, top, left, bottom, right: Math.min(left + window[2], width), row, column };
      }),
    ),
  );
  return { window, fronts, tops, lefts, all };
}

/** A grid of fewer patches shows too little of an input. */
const leastGrid = 9;

/**
 * The numbers of all patches, a coarse grid over the whole input before the ones between.
 *
 * @returns also how many belong to the coarsest grid that shows something
 */
export function coarseFirst({ fronts, tops, lefts, all }: Patches): {
  readonly order: number[];
  readonly least: number;
} {
  const seen = new Set<number>();
  let least = 0;
  let step = 1;
  while (2 * step <= Math.max(fronts.length, tops.length, lefts.length)) step *= 2;
  for (; step >= 1; step /= 2) {
    const middles = (count: number): number[] => {
      const first = Math.min(Math.floor(step / 2), count - 1);
      return Array.from({ length: Math.ceil((count - first) / step) }, (_, k) => first + k * step);
    };
    for (const slice of middles(fronts.length)) {
      for (const row of middles(tops.length)) {
        for (const column of middles(lefts.length)) seen.add((slice * tops.length + row) * lefts.length + column);
      }
    }
    if (least === 0 && seen.size >= Math.min(leastGrid, all.length)) least = seen.size;
  }
  return { order: [...seen], least };
}

/** The rows of a patch as they are counted through all slices. */
export function eachRow({ front, back, top, bottom }: Patch, frame: Frame, visit: (row: number) => void): void {
  const [, height] = cuboidOf(frame);
  for (let slice = front; slice < back; slice++) {
    for (let row = top; row < bottom; row++) visit(slice * height + row);
  }
}

/** The whole input once for each patch, with what the patch shows in its place. */
export function occluded(x: Float32Array, fill: Float32Array, frame: Frame, group: readonly Patch[]): Float32Array {
  const { width, channels } = frame;
  const batch = new Float32Array(group.length * x.length);
  group.forEach((patch, sample) => {
    batch.set(x, sample * x.length);
    eachRow(patch, frame, (row) => {
      const [left, right] = [(row * width + patch.left) * channels, (row * width + patch.right) * channels];
      batch.set(fill.subarray(left, right), sample * x.length + left);
    });
  });
  return batch;
}

/** What each patch of a picture shows, without the input around it: f32[group][window height][window width][channels]. */
export function shown(
  fill: Float32Array,
  frame: Frame,
  [, height, width]: Cuboid,
  group: readonly Patch[],
): Float32Array {
  const { channels } = frame;
  const batch = new Float32Array(group.length * height * width * channels);
  group.forEach((patch, sample) => {
    eachRow(patch, frame, (row) => {
      const from = (row * frame.width + patch.left) * channels;
      const to = (sample * height + row - patch.top) * width * channels;
      batch.set(fill.subarray(from, from + (patch.right - patch.left) * channels), to);
    });
  });
  return batch;
}
