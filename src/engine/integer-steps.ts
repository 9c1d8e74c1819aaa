/** Which layers of a pass multiply integers, and what they do on the way: making them of numbers before, and numbers of a grid behind. */
import type { Integers, Operation, Settled, ValueName } from "../operation/operation";

/** Of the modes of a grid the one that says only which way halves go. */
const away = 1;

/** Integers of eight bits less a zero point: no sum of a layer overflows with them. */
const largestPlace = 255;

/** What is known of the values of a pass. */
interface Values {
  /** Values that must be there as they are. */
  readonly needed: ReadonlySet<ValueName>;
  readonly edited: ReadonlySet<ValueName>;
  /** Clamps that the operation before them does. */
  readonly absorbed: ReadonlySet<Operation>;
}

interface IntegerSteps {
  /** By the names of their nodes. */
  readonly layers: ReadonlyMap<string, Integers>;
  /** Operations that need no step of their own, and the value in whose place their result lies. */
  readonly absorbed: ReadonlyMap<Operation, ValueName>;
  /** Values that are written as int16, under the name that the layer has for them. */
  readonly shorts: ReadonlySet<ValueName>;
}

/** Of networks of floats. */
const noSteps: IntegerSteps = { layers: new Map(), absorbed: new Map(), shorts: new Set() };

export function integerSteps(forward: readonly Operation[], values: Values): IntegerSteps {
  if (!forward.some(({ grid, integers }) => grid || integers)) return noSteps;
  const producers = new Map(forward.flatMap((each) => each.outputs.map((output) => [output, each] as const)));
  const { needed, edited } = values;
  const readers = new Map<ValueName, Operation[]>();
  for (const operation of forward) {
    for (const name of operation.inputs) {
      const others = readers.get(name);
      if (others) others.push(operation);
      else readers.set(name, [operation]);
    }
  }
  const absorbed = new Map<Operation, ValueName>();

  /** Whether a value holds integers, as far as the operations before it say so. */
  const isWhole = (value: ValueName): boolean => {
    const from = edited.has(value) ? undefined : producers.get(value);
    if (!from) return false;
    return from.grid?.divisor !== undefined || (from.copies === true && isWhole(from.inputs[0]));
  };
  const layers = forward.filter(({ integers, inputs }) => integers && isWhole(inputs[0]));
  const running = new Set(layers);

  /** Clamps of numbers on a grid that ends between their bounds: they change nothing. */
  const idle = new Set<Operation>();
  for (const operation of forward) {
    const { clamp, inputs, inPlace } = operation;
    const [input] = inputs;
    const grid = producers.get(input)?.grid;
    if (!clamp || !inPlace || grid?.step === undefined || values.absorbed.has(operation)) continue;
    if (needed.has(input) || readers.get(input)?.length !== 1) continue;
    if (clamp.lo > Math.fround(grid.lo * grid.step) || clamp.hi < Math.fround(grid.hi * grid.step)) continue;
    idle.add(operation);
    absorbed.set(operation, input);
  }
  /** What reads a value, behind clamps that change nothing. */
  const readersOf = (value: ValueName): readonly Operation[] =>
    (readers.get(value) ?? []).flatMap((each) =>
      idle.has(each) && !needed.has(each.outputs[0]) ? readersOf(each.outputs[0]) : [each],
    );

  /** The layer whose sums an operation alone puts on a grid, a clamp between them or not. */
  const layerBefore = (value: ValueName): Operation | undefined => {
    if (needed.has(value) || readers.get(value)?.length !== 1) return undefined;
    const from = producers.get(value);
    // Signs stay as they are on the way to a grid, other bounds do not.
    if (from?.clamp?.lo === 0 && from.clamp.hi === Number.POSITIVE_INFINITY && values.absorbed.has(from))
      return layerBefore(from.inputs[0]);
    return from && running.has(from) ? from : undefined;
  };
  const settled = new Map<Operation, { readonly by: Operation } & Settled>();
  for (const operation of forward) {
    const { grid, inputs, outputs } = operation;
    if (grid?.zero !== 0 || (grid.mode | away) !== away || edited.has(outputs[0])) continue;
    const layer = layerBefore(inputs[0]);
    if (layer) settled.set(layer, { by: operation, grid, shorts: false });
  }

  /** The layers that read what an operation makes integers of, where nothing else does. */
  const layersBehind = ({ grid, outputs: [output] }: Operation): readonly Operation[] => {
    const all = readers.get(output) ?? [];
    return grid?.divisor !== undefined && !needed.has(output) && all.every((each) => running.has(each)) ? all : [];
  };
  const from = new Map<Operation, Integers["from"]>();
  const take = (places: Operation, made: Integers["from"]): void => {
    for (const layer of layersBehind(places)) from.set(layer, made);
    absorbed.set(places, places.inputs[0]);
  };
  for (const [layer, { by, ...each }] of settled) {
    absorbed.set(by, by.inputs[0]);
    const [output] = by.outputs;
    const behind = readersOf(output);
    const own = (operation: Operation): boolean =>
      layersBehind(operation).length > 0 && operation.grid?.divisor === each.grid.step;
    const isOfBytes = each.grid.lo >= -largestPlace && each.grid.hi <= largestPlace;
    if (!isOfBytes || needed.has(output) || behind.length === 0 || !behind.every(own)) continue;
    settled.set(layer, { ...each, by, shorts: true });
    for (const operation of behind) take(operation, "shorts");
  }
  for (const operation of forward) {
    if (absorbed.has(operation) || operation.grid?.divisor === undefined || layersBehind(operation).length === 0)
      continue;
    take(operation, { scale: operation.grid.divisor, mode: operation.grid.mode & away });
  }
  return {
    layers: new Map(
      layers.map((layer) => {
        const own = settled.get(layer);
        return [
          layer.node.name,
          { from: from.get(layer) ?? "there", settled: own && { grid: own.grid, shorts: own.shorts } },
        ] as const;
      }),
    ),
    absorbed,
    shorts: new Set([...settled].flatMap(([layer, { shorts }]) => (shorts ? layer.outputs : []))),
  };
}
