/** The rectangles that occlusion covers, one after the other. */

/** What occlusion slides over. */
export interface Frame {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** True for signals and vectors, which have one row: extents are one number. */
  readonly line: boolean;
}

export interface Patch {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
  /** Where its corner is in the list of tops and of lefts. */
  readonly row: number;
  readonly column: number;
}

export interface Patches {
  readonly window: readonly [height: number, width: number];
  readonly tops: readonly number[];
  readonly lefts: readonly number[];
  /** Row by row; the last of each axis is clipped. */
  readonly all: readonly Patch[];
}

/** All positions: ⌈(D − window)/stride⌉ + 1 along each axis. */
export function patchesOf(
  { height, width }: Frame,
  window: readonly [number, number],
  stride: readonly [number, number],
): Patches {
  const starts = (extent: number, size: number, step: number): number[] =>
    Array.from({ length: Math.ceil((extent - size) / step) + 1 }, (_, k) => k * step).filter((start) => start < extent);
  const tops = starts(height, window[0], stride[0]);
  const lefts = starts(width, window[1], stride[1]);
  const all = tops.flatMap((top, row) =>
    lefts.map((left, column) => {
      const bottom = Math.min(top + window[0], height);
      return { top, left, bottom, right: Math.min(left + window[1], width), row, column };
    }),
  );
  return { window, tops, lefts, all };
}

/** A grid of fewer patches shows too little of an input. */
const leastGrid = 9;

/**
 * The numbers of all patches, a coarse grid over the whole input before the ones between.
 *
 * @returns also how many belong to the coarsest grid that shows something
 */
export function coarseFirst({ tops, lefts, all }: Patches): { readonly order: number[]; readonly least: number } {
  const seen = new Set<number>();
  let least = 0;
  let step = 1;
  while (2 * step <= Math.max(tops.length, lefts.length)) step *= 2;
  for (; step >= 1; step /= 2) {
    const middles = (count: number): number[] => {
      const first = Math.min(Math.floor(step / 2), count - 1);
      return Array.from({ length: Math.ceil((count - first) / step) }, (_, k) => first + k * step);
    };
    for (const row of middles(tops.length)) {
      for (const column of middles(lefts.length)) seen.add(row * lefts.length + column);
    }
    if (least === 0 && seen.size >= Math.min(leastGrid, all.length)) least = seen.size;
  }
  return { order: [...seen], least };
}

export function eachRow({ top, bottom }: Patch, visit: (row: number) => void): void {
  for (let row = top; row < bottom; row++) visit(row);
}

/** The whole input once for each patch, with what the patch shows in its place. */
export function occluded(x: Float32Array, fill: Float32Array, frame: Frame, group: readonly Patch[]): Float32Array {
  const { width, channels } = frame;
  const batch = new Float32Array(group.length * x.length);
  group.forEach((patch, sample) => {
    batch.set(x, sample * x.length);
    eachRow(patch, (row) => {
      const [left, right] = [(row * width + patch.left) * channels, (row * width + patch.right) * channels];
      batch.set(fill.subarray(left, right), sample * x.length + left);
    });
  });
  return batch;
}

/** What each patch shows, without the input around it: f32[group][window height][window width][channels]. */
export function shown(
  fill: Float32Array,
  frame: Frame,
  [height, width]: readonly [number, number],
  group: readonly Patch[],
): Float32Array {
  const { channels } = frame;
  const batch = new Float32Array(group.length * height * width * channels);
  group.forEach((patch, sample) => {
    eachRow(patch, (row) => {
      const from = (row * frame.width + patch.left) * channels;
      const to = (sample * height + row - patch.top) * width * channels;
      batch.set(fill.subarray(from, from + (patch.right - patch.left) * channels), to);
    });
  });
  return batch;
}
