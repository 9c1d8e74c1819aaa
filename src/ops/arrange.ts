/** Operators that move or repeat elements: Concat, Split, Slice, Transpose, Expand, Tile, Pad, Gather, blocks of pixels. */
import { ModelError } from "../errors";
import { numberAttribute, stringAttribute } from "../graph/ir";
import { loopsOf, type RegionLoops } from "../graph/regions";
import { arrangements, chosenIndices, paddedFrom, paddings } from "../graph/shapes";
import { axisOf } from "../graph/shapes/rule";
import { sizeOf } from "../tensor";
import { memoryStrides, toMemoryOrder } from "./layout";
import { type BuildContext, type Builder, constantsOf, type Operation, oneToOne, operation } from "./operation";
import { indexTable, resampleOperation } from "./resize";
import { flipped, move, type Side, walking } from "./strided";
import { placeOnce } from "./weights";

interface Value {
  readonly name: string;
  readonly size: number;
  readonly strides: readonly number[];
}

/** A region in memory. */
interface Part {
  readonly from: Value;
  readonly to: Value;
  readonly loops: RegionLoops;
}

const sideOf = ({ size }: Value, pointer: number): Side => ({ pointer, sample: size });

const elements = (parts: readonly Part[]): number =>
  parts.reduce((total, { loops }) => total + sizeOf(loops.extents), 0);

/** Every element of the input is read exactly once. Regions without repetitions overlap only where they begin at the same element. */
const readsOnce = (parts: readonly Part[], { size }: Value): boolean =>
  elements(parts) === size &&
  parts.every(({ loops }) => loops.extents.every((extent, i) => extent === 1 || loops.a[i] !== 0)) &&
  new Set(parts.map(({ loops }) => loops.aOffset)).size === parts.length;

/** The adjoint copies back what was read once, and otherwise adds. */
export const arranged: Builder = (context) => {
  const { node, memory } = context;
  const shapes = node.inputs.map((name) => context.shape(name));
  const arrange = arrangements.get(node.op) ?? context.refuse("where its elements come from is not known");
  const { regions, fill = 0 } = arrange(node, shapes, constantsOf(context));
  const placed = (name: string): Value => {
    const shape = context.shape(name);
    return { name, size: sizeOf(shape), strides: memoryStrides(shape) };
  };
  const [inputs, outputs] = [node.inputs.map(placed), node.outputs.map(placed)];
  const parts = regions().flatMap((region): Part[] => {
    const [from, to] = [inputs[region.input ?? 0], outputs[region.output ?? 0]];
    // An output that nobody reads has no name.
    return to.name === "" ? [] : [{ from, to, loops: loopsOf(region, from.strides, to.strides) }];
  });
  const sources = inputs.flatMap((from, i) => {
    const own = parts.filter((part) => part.from === from);
    const constant = own.length > 0 ? context.constant(from.name) : undefined;
    const place = constant && placeOnce(memory, toMemoryOrder(constant.floats(), shapes[i]), "Moved constant");
    return own.length > 0 ? [{ from, own, place, once: readsOnce(own, from) }] : [];
  });
  const dynamic = sources.filter(({ place }) => !place);
  const written = outputs.filter(({ name }) => name !== "");
  const open = written.filter((to) => elements(parts.filter((part) => part.to === to)) < to.size);
  return operation({
    node,
    inputs: [...new Set(dynamic.map(({ from }) => from.name))],
    outputs: written.map(({ name }) => name),
    linear: true,
    forward: (run) => {
      for (const { name, size } of open) run.memory.floats(run.value(name), size * run.batch).fill(fill);
      for (const { from, own, place } of sources) {
        const source = place ? { pointer: place(), sample: 0 } : sideOf(from, run.value(from.name));
        for (const { to, loops } of own)
          move(run, "copyStrided", walking("b", loops), source, sideOf(to, run.value(to.name)));
      }
    },
    backward: (run) => {
      for (const { from, own, once } of dynamic) {
        run.contribute(from.name, (dx) => {
          if (!once) run.memory.bytes(dx, from.size * run.batch * 4).fill(0);
          for (const { to, loops } of own) {
            const back = flipped(walking(once ? "a" : "b", loops));
            move(run, once ? "copyStrided" : "addStrided", back, sideOf(to, run.gradient(to.name)), sideOf(from, dx));
          }
        });
      }
    },
  });
};

/** Gather with constant indices; channels, which lie side by side in memory, are chosen in one pass over the pixels. */
export const gather: Builder = (context) => {
  const { node, memory } = context;
  const [input, indices] = node.inputs;
  const shape = context.shape(input);
  if (!context.constant(indices)) context.refuse(`its indices "${indices}" are not constant`);
  if (axisOf(node, numberAttribute(node, "axis", 0), shape.length) !== 1) return arranged(context);
  if (context.shape(indices).length !== 1 || shape.length < 3) return arranged(context);

  const channels = shape[1];
  const pixels = sizeOf(shape) / channels;
  const order = chosenIndices(node, constantsOf(context), channels, 1);
  const reorders = order.length === channels && new Set(order).size === channels;
  const table = (list: readonly number[]) =>
    placeOnce(
      memory,
      Uint32Array.from(list, (c) => 4 * c),
      "Order of channels",
    );
  const forward = table(order);
  const inverse = table(Array.from({ length: channels }, (_, c) => order.indexOf(c)));
  const gathering = oneToOne(context, {
    linear: true,
    forward: (run, x, y) => run.kernels.gatherChannels(x, forward(), y, pixels * run.batch, channels, order.length),
    backward: (run, dy, dx) => run.kernels.gatherChannels(dy, inverse(), dx, pixels * run.batch, channels, channels),
  });
  return reorders ? gathering : { ...gathering, backward: arranged(context).backward };
};

/** Pad with a constant on any axis (negative pads crop), or by reflecting, repeating the edge or wrapping the image. */
export const pad: Builder = (context) => {
  const { node } = context;
  const mode = stringAttribute(node, "mode", "constant");
  if (mode !== "constant") return padFromImage(context, mode);
  const value = node.inputs[2];
  if (value && !context.constant(value)) context.refuse(`its value "${value}" is not a constant`);
  return arranged(context);
};

function padFromImage(context: BuildContext, mode: string): Operation {
  const { node } = context;
  const source = paddedFrom.get(mode);
  if (!source)
    throw new ModelError(
      `Pad "${node.name}": the mode "${mode}" is not one of constant, ${[...paddedFrom.keys()].join(", ")}.`,
    );
  const shape = context.shape(node.inputs[0]);
  const outShape = context.shape(node.outputs[0]);
  const { begin, end } = paddings(node, shape.length, constantsOf(context));
  if (shape.length < 3 || [begin, end].some(([n, c]) => n !== 0 || c !== 0))
    context.refuse(`mode ${mode} is supported on the image axes only`);
  if (shape.length > 4) context.refuse(`mode ${mode} is supported on 1-D and 2-D images only`);
  const tables = shape
    .slice(2)
    .map((extent, i) =>
      indexTable(Array.from({ length: outShape[i + 2] }, (_, position) => source(position - begin[i + 2], extent))),
    );
  return resampleOperation(context, tables);
}
