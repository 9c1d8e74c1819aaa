/**
 * How one call of a kernel becomes several that write different parts of the same result. Every number of a result is computed
 * whole, in one part, by the same steps as in the whole call: parts change no bits.
 */
import { fieldsOf, type GeometryRecord, type RecordName } from "../geometry";
import type { Pointer } from "../kernels";

export type Arguments = readonly number[];

/** Where a part's own records are written. */
export interface RecordPlace {
  /** A copy of the record at `pointer` with other values in some fields. @returns its address */
  record<R extends RecordName>(pointer: Pointer, name: R, changes: Partial<GeometryRecord<R>>): Pointer;
  /** A second one of the same part, or a table. */
  more<R extends RecordName>(pointer: Pointer, name: R, changes: Partial<GeometryRecord<R>>): Pointer;
  table(words: Int32Array): Pointer;
}

/** One way to divide a call. */
export interface Cut {
  /** How many there are of what is divided: rows, panels, samples. */
  readonly units: number;
  /** Parts begin at multiples of so many units; default 1. */
  readonly grain?: number;
  /** About how many nanoseconds the whole call takes. */
  readonly work: number;
  /** What every part does again, of the work of the whole; default 0. */
  readonly again?: number;
  /** An argument that is memory to work in, and how much of it the call needs: every thread has its own. */
  readonly scratch?: { readonly argument: number; readonly bytes: number };
  /** The arguments of the part from `begin` to before `end`. */
  part(begin: number, end: number, place: RecordPlace): Arguments;
}

/** What is said in memory about a call. */
export interface Reader {
  read<R extends RecordName>(pointer: Pointer, name: R): GeometryRecord<R>;
  words(pointer: Pointer, count: number): Int32Array;
}

/** The ways to divide a call, any of which may be taken; none where it is not to be divided. */
export type Cutter = (args: Arguments, reader: Reader) => readonly Cut[];

/** Arguments with others in some places. */
export function changed(args: Arguments, changes: Readonly<Record<number, number>>): number[] {
  const own = [...args];
  for (const [at, value] of Object.entries(changes)) own[Number(at)] = value;
  return own;
}

/** How many times faster a call is in parts, were it not for what threads cost. */
export function gain({ units, grain = 1, again = 0 }: Cut, threads: number): number {
  const grains = Math.ceil(units / grain);
  const largest = Math.ceil(grains / Math.min(threads, grains)) / grains;
  return 1 / (largest * (1 - again) + again);
}

const indices = new Map<RecordName, ReadonlyMap<string, number>>();

/** Places of a record's fields. */
function indicesOf(name: RecordName): ReadonlyMap<string, number> {
  let found = indices.get(name);
  if (!found) {
    found = new Map(fieldsOf(name).map((field, i) => [field, i]));
    indices.set(name, found);
  }
  return found;
}

/** What is said in the memory of some kernels. */
export const readerOf = (memory: WebAssembly.Memory): Reader => ({
  read: <R extends RecordName>(pointer: Pointer, name: R) => {
    const fields = fieldsOf(name);
    const words = new Int32Array(memory.buffer, pointer, fields.length);
    const record: Record<string, number> = {};
    fields.forEach((field, i) => {
      record[field] = words[i];
    });
    return record as GeometryRecord<R>;
  },
  // Addresses above 2 GiB are negative in a record.
  words: (pointer, count) => new Int32Array(memory.buffer, pointer >>> 0, count),
});

/** Writes the records of a part to addresses in that memory. */
export function placeAt(
  memory: WebAssembly.Memory,
  to: Readonly<Record<"record" | "more" | "table", Pointer>>,
): RecordPlace {
  const copy =
    (at: Pointer) =>
    <R extends RecordName>(pointer: Pointer, name: R, changes: Partial<GeometryRecord<R>>): Pointer => {
      const words = new Int32Array(memory.buffer, at, fieldsOf(name).length);
      words.set(new Int32Array(memory.buffer, pointer >>> 0, words.length));
      const indices = indicesOf(name);
      for (const [field, value] of Object.entries<number>(changes as Record<string, number>)) {
        words[indices.get(field) as number] = value;
      }
      return at;
    };
  return {
    record: copy(to.record),
    more: copy(to.more),
    table: (words) => {
      new Int32Array(memory.buffer, to.table, words.length).set(words);
      return to.table;
    },
  };
}
