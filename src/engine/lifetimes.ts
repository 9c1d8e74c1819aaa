/** Buffers of a pass: when each is in use, and where it lies. */

/** Of offsets, in bytes. */
export const alignment = 64;
export const align = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

interface Buffer {
  readonly bytes: number;
  first: number;
  last: number;
  offset: number;
}

/** Buffers by what they are for. Each is in use from the first moment that is named for it to the last. */
export class Lifetimes {
  readonly #buffers = new Map<string, Buffer>();

  /** @param bytes  asked of `what` at the first moment alone */
  touch<T>(key: string, bytes: (what: T) => number, what: T, time: number): void {
    const buffer = this.#buffers.get(key);
    if (!buffer) {
      this.#buffers.set(key, { bytes: align(bytes(what)), first: time, last: time, offset: 0 });
      return;
    }
    if (time < buffer.first) buffer.first = time;
    if (time > buffer.last) buffer.last = time;
  }

  get buffers(): Iterable<Buffer> {
    return this.#buffers.values();
  }

  /** Where they were placed. */
  get offsets(): Map<string, number> {
    const offsets = new Map<string, number>();
    for (const [key, { offset }] of this.#buffers) offsets.set(key, offset);
    return offsets;
  }
}

/** Up to so many buffers every two are compared, which packs them a little tighter. */
const fewBuffers = 2048;

/** Gives every buffer an offset, so that no two lie at one place at one time. @returns the height */
export const place = (buffers: readonly Buffer[]): number =>
  buffers.length > fewBuffers ? placeInTime(buffers) : placeBySize(buffers);

/** Largest first, each at the lowest place free for its whole life. */
function placeBySize(buffers: readonly Buffer[]): number {
  const placed: Buffer[] = [];
  let height = 0;
  for (const buffer of [...buffers].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const neighbours = placed
      .filter((other) => other.first <= buffer.last && buffer.first <= other.last)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const other of neighbours) {
      if (other.offset - offset >= buffer.bytes) break;
      offset = Math.max(offset, other.offset + other.bytes);
    }
    buffer.offset = offset;
    height = Math.max(height, offset + buffer.bytes);
    placed.push(buffer);
  }
  return height;
}

/** In the order of their first steps, each in the first gap that what ended before it has left: n log n, for graphs of many thousand nodes. */
function placeInTime(buffers: readonly Buffer[]): number {
  const ending = [...buffers].sort((a, b) => a.last - b.last);
  /** By offset; no two touch. */
  const gaps: { offset: number; bytes: number }[] = [];
  let height = 0;
  let ended = 0;
  for (const buffer of [...buffers].sort((a, b) => a.first - b.first || b.bytes - a.bytes)) {
    for (; ended < ending.length && ending[ended].last < buffer.first; ended++) release(gaps, ending[ended]);
    const found = gaps.findIndex(({ bytes }) => bytes >= buffer.bytes);
    if (found >= 0) {
      const gap = gaps[found];
      buffer.offset = gap.offset;
      gap.offset += buffer.bytes;
      gap.bytes -= buffer.bytes;
      if (gap.bytes === 0) gaps.splice(found, 1);
      continue;
    }
    const top = gaps.at(-1);
    const begins = top && top.offset + top.bytes === height ? (gaps.pop() as typeof top).offset : height;
    buffer.offset = begins;
    height = begins + buffer.bytes;
  }
  return height;
}

function release(gaps: { offset: number; bytes: number }[], { offset, bytes }: Buffer): void {
  if (bytes === 0) return;
  let [low, high] = [0, gaps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (gaps[middle].offset < offset) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [gaps[low - 1], gaps[low]];
  const joinsBefore = before && before.offset + before.bytes === offset;
  const joinsAfter = after && offset + bytes === after.offset;
  if (joinsBefore) before.bytes += bytes + (joinsAfter ? after.bytes : 0);
  if (joinsBefore && joinsAfter) gaps.splice(low, 1);
  else if (!joinsBefore && joinsAfter) Object.assign(after, { offset, bytes: bytes + after.bytes });
  else if (!joinsBefore) gaps.splice(low, 0, { offset, bytes });
}
