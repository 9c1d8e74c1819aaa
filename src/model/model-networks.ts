import { buildNetwork, type Network } from "../engine/network";
import { type Backward, type Edit, type PassResult, Session } from "../engine/session";
import { SeethroughError } from "../errors";
import { guardedAsync } from "../guard";
import type { ValueName } from "../operation/operation";
import { keptValues, type ModelParts } from "./model-parts";

/** A pass as the methods ask for it: values by name, the network chosen by what is asked. */
export interface ModelPass {
  readonly batch?: number;
  readonly data: Float32Array;
  readonly start?: ValueName;
  readonly keep?: readonly ValueName[];
  readonly edits?: ReadonlyMap<ValueName, Edit>;
  /** False: of a quantised network, without the rounding of its values. */
  readonly rounding?: boolean;
  readonly backward?: Backward;
  readonly also?: readonly Backward[];
}

interface Inside {
  readonly parts: ModelParts;
  readonly full: Network;
  readonly fast: Network;
  readonly session: Session;
}

/** The networks of one file and the passes through them, until they are disposed of. */
export class ModelNetworks {
  readonly name: string;
  /** Everything that holds wasm memory. */
  #inside: Inside | undefined;
  #folded: Network | undefined;
  readonly #plain = new WeakMap<Network, Network>();

  constructor(parts: ModelParts) {
    this.name = parts.name;
    const { kernels, memory, mode, threads } = parts;
    const full = buildNetwork(parts.graph, kernels, memory, mode);
    const fast = parts.folded ? buildNetwork(parts.folded, kernels, memory, mode) : full;
    this.#inside = { parts, full, fast, session: new Session(kernels, memory, mode, threads?.count) };
  }

  get parts(): ModelParts {
    return this.#opened().parts;
  }

  /** The network as the file has it: every value can be read. */
  get full(): Network {
    return this.#opened().full;
  }

  /** The network that runs unless a value of the full one is asked for. */
  get fast(): Network {
    return this.#opened().fast;
  }

  get session(): Session {
    return this.#opened().session;
  }

  #opened(): Inside {
    if (!this.#inside) throw new SeethroughError(`The model "${this.name}" was disposed; load it again.`);
    return this.#inside;
  }

  dispose(): void {
    this.#inside?.parts.threads?.end();
    this.#inside = undefined;
  }

  /**
   * Runs one pass in the network that has all the values it names, with the event loop let in now and then where there is a signal to be
   * heard.
   *
   * @throws the signal's reason
   */
  watchedPass(pass: ModelPass, signal: AbortSignal | undefined): Promise<PassResult> {
    return guardedAsync("A pass", async () =>
      this.session.watch(this.#networkOf(pass), { ...pass, batch: pass.batch ?? 1 }, signal),
    );
  }

  #networkOf({ start = this.fast.input, keep = [], edits, backward, also = [] }: ModelPass): Network {
    const ways = (backward ? [backward, ...also] : []).flatMap(({ seed, wanted }) => [seed, ...wanted]);
    return this.networkFor([start, ...keep, ...(edits?.keys() ?? []), ...ways]);
  }

  networkFor(values: readonly ValueName[]): Network {
    const has = (name: ValueName): boolean => name === this.fast.input || this.fast.producer.has(name);
    return values.every(has) ? this.fast : this.full;
  }

  /** A network of this model by direct sums alone: the same numbers under a kernel give the same bits everywhere, so ties stay ties. */
  plain(network: Network): Network {
    const { kernels, memory, mode } = this.parts;
    if (mode === "low") return network;
    let plain = this.#plain.get(network);
    if (!plain) {
      plain = buildNetwork(network.graph, kernels, memory, "low");
      this.#plain.set(network, plain);
    }
    return plain;
  }

  /** The network by direct sums and with batch normalisation in the weights, in low memory too. */
  get folded(): Network {
    const { kernels, memory, mode, graph, combine } = this.parts;
    if (mode !== "low") return this.plain(this.fast);
    this.#folded ??= buildNetwork(combine(graph, keptValues(this.parts)), kernels, memory, mode);
    return this.#folded;
  }
}
