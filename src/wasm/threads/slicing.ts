/** Calls of kernels in one thread, part after part: whoever waits for one that takes long is let in between. */
import type { KernelCall, Pointer } from "../kernels";
import { type Cut, gain, placeAt, type Reader, type RecordPlace, readerOf } from "./cut";
import { cuts } from "./cuts";

/** About how many nanoseconds a part takes. Hosts may be several times slower than that, and what nobody touched before too. */
const partWork = 4e6;

export class Slicing {
  readonly #reader: Reader;
  readonly #place: RecordPlace;

  /** @param start  where the records of a part are written */
  constructor(memory: WebAssembly.Memory, start: Pointer) {
    this.#reader = readerOf(memory);
    this.#place = placeAt(memory, { record: start, more: start + 256, table: start + 512 });
  }

  /** The calls to make instead of one, each only when the one before is done. */
  *parts(call: KernelCall): Generator<KernelCall, void> {
    const [kernel, ...args] = call;
    const cut = finest(cuts[kernel]?.(args, this.#reader) ?? []);
    if (!cut) {
      yield call;
      return;
    }
    const { units, grain = 1 } = cut;
    const grains = Math.ceil(units / grain);
    const parts = countOf(cut);
    for (let part = 0; part < parts; part++) {
      const begin = Math.floor((part * grains) / parts) * grain;
      const end = Math.min(Math.floor(((part + 1) * grains) / parts) * grain, units);
      yield [kernel, ...cut.part(begin, end, this.#place)];
    }
  }
}

const countOf = ({ units, grain = 1, work }: Cut): number =>
  Math.min(Math.ceil(units / grain), Math.ceil(work / partWork));

/** The way that leaves the shortest parts; undefined where the whole is short enough, or there is none. */
function finest(ways: readonly Cut[]): Cut | undefined {
  let best: Cut | undefined;
  let most = 1;
  for (const cut of ways) {
    // What sees nothing, and so takes no time, writes all the same: it has no parts.
    if (!(cut.work > partWork)) continue;
    const gained = gain(cut, countOf(cut));
    if (gained <= most) continue;
    [best, most] = [cut, gained * 1.02];
  }
  return best;
}
