/**
 * Passes over an input of which one rectangle changed. The map of every layer before the change is kept; of what follows only the
 * rectangle is computed that the change reaches, up to where it has grown over most of the map. The results are those of whole passes
 * up to rounding: a convolution by Winograd mixes the pixels of a tile, and tiles begin elsewhere in a part than in the whole map.
 */

import type { Node, StaticGraph } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { entryOf } from "../guard";
import type { Builder, Operation, ValueName } from "../operation/operation";
import { sizeOf } from "../tensor";
import { hearing } from "../turns";
import type { Pointer } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import { kept } from "./kept";
import { type Locality, localityOf, mapOf } from "./locality";
import { buildNetwork, type MemoryMode, type Network, valueShape } from "./network";
import { covers, overlayOperation, type PixelPlace, type SpanRegion } from "./overlay";
import { checkMemory } from "./plan";
import type { Session } from "./session";
import { reached, serves, windowed } from "./span";

/** Above this share of its map a layer is computed whole: cutting costs time too. */
const largestPart = 0.85;

/** The part of a value that is computed, under its own name in the network of parts. */
interface Part extends SpanRegion {
  readonly name: ValueName;
}

const marked = (name: string, mark: string): string => `${name}\0${mark}`;

/** The network that computes a target from the changed rectangle of the input. */
class PartialNetwork {
  /** The value that is given: the changed rectangle. */
  readonly input: ValueName;
  /** Values that must be there as they were before the change. */
  readonly before = new Map<ValueName, Pointer>();
  places: readonly PixelPlace[] = [];
  readonly #network: Network;
  readonly #nodes: Node[] = [];
  readonly #shapes = new Map<string, Shape>();
  readonly #special = new Map<string, Builder>();
  readonly #parts = new Map<ValueName, Part>();
  readonly #whole = new Set<ValueName>();

  constructor(network: Network, target: ValueName, input: ValueName, change: SpanRegion) {
    this.#network = network;
    this.input = marked(input, "part");
    this.#addPart(input, change);
    const pooled = new Set(network.operations.flatMap(({ stateOf }) => stateOf ?? []));
    for (const operation of operationsBetween(network, input, target)) {
      const region = pooled.has(operation.node.name) ? undefined : this.#regionOf(operation);
      if (region) this.#addPartial(operation, region);
      else this.#addWhole(operation);
    }
    this.#makeWhole(target);
  }

  build(target: ValueName, session: Session, mode: MemoryMode): Network {
    const { graph } = this.#network;
    const partial: StaticGraph = {
      ...graph,
      inputs: [{ name: this.input, shape: entryOf(this.#shapes, this.input) }],
      outputs: [target],
      nodes: this.#nodes,
      shapes: new Map([...graph.shapes, ...this.#shapes]),
      aliases: new Map(),
    };
    return buildNetwork(partial, session.kernels, session.memory, mode, this.#special);
  }

  #addPart(value: ValueName, { rows, columns }: SpanRegion): ValueName {
    const name = marked(value, "part");
    this.#parts.set(value, { name, rows, columns });
    this.#shapes.set(name, cutShape(valueShape(this.#network, value), { rows, columns }));
    return name;
  }

  /** The rectangle of an operation's output that the change reaches; undefined where it is computed whole. */
  #regionOf(operation: Operation): SpanRegion | undefined {
    const locality = localityOf(this.#network, operation);
    const parts = operation.inputs.flatMap((name) => this.#parts.get(name) ?? []);
    if (!locality || parts.length < operation.inputs.length) return undefined;
    const { height, width } = mapOf(this.#network, operation.outputs[0]);
    const rows = reached(
      parts.map((part) => part.rows),
      locality.rows,
      height,
    );
    const columns = reached(
      parts.map((part) => part.columns),
      locality.columns,
      width,
    );
    return rows.size * columns.size <= largestPart * height * width ? { rows, columns } : undefined;
  }

  #addPartial(operation: Operation, region: SpanRegion): void {
    const { node, part } = operation;
    const locality = localityOf(this.#network, operation);
    if (!locality) return;
    const cut: SpanRegion = {
      rows: windowed(region.rows, locality.rows),
      columns: windowed(region.columns, locality.columns),
    };
    const inputs = node.inputs.map((name) =>
      this.#parts.has(name) ? this.#cutOf(name, cut, operation, locality) : name,
    );
    const outputs = node.outputs.map((name) => (operation.outputs.includes(name) ? this.#addPart(name, region) : ""));
    // The padding is part of what was cut.
    const attributes = new Map(node.attributes);
    if (attributes.has("kernel_shape") || node.op === "Conv") {
      const axes = valueShape(this.#network, node.inputs[0]).length - 2;
      attributes
        .set("pads", new Array<number>(2 * axes).fill(0))
        .set("auto_pad", "NOTSET")
        .set("ceil_mode", 0);
    }
    this.#nodes.push({ ...node, inputs, outputs, attributes });
    if (part) this.#special.set(node.name, part);
  }

  #addWhole(operation: Operation): void {
    const { node, inputs, outputs } = operation;
    for (const name of inputs) this.#makeWhole(name);
    for (const name of outputs) this.#whole.add(name);
    this.#nodes.push(node);
    this.#special.set(node.name, () => operation);
  }

  #makeWhole(value: ValueName): void {
    if (this.#whole.has(value)) return;
    const part = this.#parts.get(value);
    if (!part) {
      this.#addKept(value);
      return;
    }
    const { height, width } = mapOf(this.#network, value);
    this.#whole.add(value);
    const zeros = ({ starts }: { readonly starts: readonly number[] }): number[] => starts.map(() => 0);
    const cut: SpanRegion = {
      rows: { size: height, starts: zeros(part.rows) },
      columns: { size: width, starts: zeros(part.columns) },
    };
    this.#addOverlay(value, part, cut, value, 0);
  }

  /** A value that the change does not reach: of another input, for one. */
  #addKept(value: ValueName): void {
    this.#whole.add(value);
    this.before.set(value, 0);
    const node: Node = {
      name: marked(value, "kept"),
      op: "Kept",
      // It waits for nothing; what has no input is no operation of a network.
      inputs: [this.input],
      outputs: [value],
      attributes: new Map(),
    };
    const size = sizeOf(valueShape(this.#network, value));
    this.#nodes.push(node);
    this.#special.set(node.name, () => kept(node, size, () => entryOf(this.before, value)));
  }

  /** The name under which a rectangle of a value can be read. */
  #cutOf(value: ValueName, cut: SpanRegion, reader: Operation, { rows, columns, border }: Locality): ValueName {
    const part = entryOf(this.#parts, value);
    const [from, to] = [mapOf(this.#network, value), mapOf(this.#network, reader.outputs[0])];
    const fits =
      serves(part.rows, cut.rows, rows, [from.height, to.height]) &&
      serves(part.columns, cut.columns, columns, [from.width, to.width]);
    if (fits) return part.name;
    const name = marked(marked(value, "cut"), reader.node.name);
    if (!this.#shapes.has(name)) this.#addOverlay(value, part, cut, name, border);
    return name;
  }

  #addOverlay(value: ValueName, part: Part, cut: SpanRegion, name: ValueName, border: number): void {
    const shape = valueShape(this.#network, value);
    const { height, width } = mapOf(this.#network, value);
    const isCovered = covers(part, cut, height, width);
    if (!isCovered) this.before.set(value, 0);
    const before = isCovered ? undefined : () => entryOf(this.before, value);
    const node: Node = {
      name: marked(name, "overlay"),
      op: "Overlay",
      inputs: [part.name],
      outputs: [name],
      attributes: new Map(),
    };
    this.#shapes.set(name, cutShape(shape, cut));
    this.#nodes.push(node);
    this.#special.set(node.name, () =>
      overlayOperation({ node, shape, part, cut, border, before, places: () => this.places }),
    );
  }
}

const cutShape = ([n, c, ...spatial]: Shape, { rows, columns }: SpanRegion): Shape =>
  spatial.length === 1 ? [n, c, columns.size] : [n, c, rows.size, columns.size];

/** Operations that a value is computed with, in execution order. */
function operationsBefore(network: Network, target: ValueName): Operation[] {
  const needed = new Set<ValueName>([target]);
  const found: Operation[] = [];
  for (const operation of [...network.operations].reverse()) {
    if (!operation.outputs.some((name) => needed.has(name))) continue;
    for (const name of operation.inputs) needed.add(name);
    if (operation.stateOf !== undefined) needed.add(entryOf(network.states, operation.stateOf));
    found.push(operation);
  }
  return found.reverse();
}

/** Those of them that a change of a value reaches, and the pools whose switches one of these reads. */
function operationsBetween(network: Network, start: ValueName, target: ValueName): Operation[] {
  const all = operationsBefore(network, target);
  if (start === network.input) return all;
  const after = new Set<ValueName>([start]);
  const pools = new Set<string>();
  for (const { inputs, outputs, stateOf } of all) {
    if (!inputs.some((name) => after.has(name))) continue;
    for (const name of outputs) after.add(name);
    if (stateOf !== undefined) pools.add(stateOf);
  }
  return all
    .filter(({ node, outputs }) => outputs.some((name) => after.has(name)) || pools.has(node.name))
    .filter(({ outputs }) => !outputs.includes(start));
}

const macsOf = (operations: readonly Operation[]): number => operations.reduce((total, { macs }) => total + macs, 0);

/** Passes over changed rectangles of one input. */
export class IncrementalPasses {
  /** Multiply–accumulates of one pass, as a share of those of a whole pass. */
  readonly share: number;
  readonly #network: Network;
  readonly #target: ValueName;
  readonly #partial: PartialNetwork;
  readonly #parts: Network;
  /** The memory that holds the maps, while they are kept. */
  #kept: KernelMemory | undefined;

  /**
   * @param target  the value to compute
   * @param input   the value that is changed: the network's input, or one of several
   * @param change  the rectangle that changes, at each of its positions
   */
  constructor(
    session: Session,
    network: Network,
    mode: MemoryMode,
    target: ValueName,
    input: ValueName,
    change: SpanRegion,
  ) {
    this.#network = network;
    this.#target = target;
    this.#partial = new PartialNetwork(network, target, input, change);
    this.#parts = this.#partial.build(target, session, mode);
    this.share = macsOf(this.#parts.operations) / macsOf(operationsBefore(network, target));
  }

  /**
   * Computes the maps as they are without a change, and keeps them until `dispose`.
   *
   * @param data  the input without a change, in memory order
   * @throws {MemoryError} if they do not fit
   */
  async start(session: Session, data: Float32Array, signal: AbortSignal | undefined): Promise<void> {
    if (this.#kept) return;
    const { memory } = session;
    const names = [...this.#partial.before.keys()];
    const bytes = 4 * names.reduce((total, name) => total + sizeOf(valueShape(this.#network, name)), 0);
    // Once as the maps that are kept, once as those of the pass that computes them.
    checkMemory(memory, 0, 2 * bytes, "The maps of an incremental pass");
    const { values } = await session.watch(this.#network, { batch: 1, data, keep: names }, signal);
    for (const operation of this.#network.operations) {
      if (this.#network.prepared.forward.has(operation)) this.#parts.prepared.forward.add(operation);
    }
    this.#kept = memory;
    const hear = hearing(signal);
    try {
      for (const [name, value] of values) {
        const content = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
        this.#partial.before.set(name, memory.store(content, `The map "${name}"`));
        await hear();
      }
    } catch (error) {
      // Some are not there, so none are.
      this.dispose();
      throw error;
    }
  }

  /**
   * @param patches  content of the changed rectangles, sample by sample
   * @returns the target, all samples
   */
  async run(
    session: Session,
    patches: Float32Array,
    places: readonly PixelPlace[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    this.#partial.places = places;
    const pass = { batch: places.length, data: patches, keep: [this.#target] };
    return entryOf((await session.watch(this.#parts, pass, signal)).values, this.#target);
  }

  /** Gives the memory of the maps back. */
  dispose(): void {
    for (const [name, pointer] of this.#partial.before) {
      if (pointer) this.#kept?.free(pointer);
      this.#partial.before.set(name, 0);
    }
    this.#kept = undefined;
  }
}
