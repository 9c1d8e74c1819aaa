/** What every operator that moves or repeats elements has in common: all of it is read off the regions it describes. */
import { type Arrange, collapseLoops, loopsOf, type RegionLoops, rowMajorLoops } from "../graph/regions";
import type { ShapeRule } from "../graph/shape-rule";
import { memoryStrides } from "../operation/layout";
import { type BuildContext, constantsOf, type Operation, operation } from "../operation/operation";
import { flipped, move, type StridedSide, walking } from "../operation/strided";
import { placeConstant } from "../operation/weights";
import { sizeOf } from "../tensor";
import { moved } from "./folding";
import type { NoOpTest, Operator } from "./operator";

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

const sideOf = ({ size }: Value, pointer: number): StridedSide => ({ pointer, sample: size });

const elements = (parts: readonly Part[]): number =>
  parts.reduce((total, { loops }) => total + sizeOf(loops.extents), 0);

/** Every element of the input is read exactly once. Regions without repetitions overlap only where they begin at the same element. */
const readsOnce = (parts: readonly Part[], { size }: Value): boolean =>
  elements(parts) === size &&
  parts.every(({ loops }) => loops.extents.every((extent, i) => extent === 1 || loops.a[i] !== 0)) &&
  new Set(parts.map(({ loops }) => loops.aOffset)).size === parts.length;

function grouped(parts: readonly Part[], by: (part: Part) => Value): ReadonlyMap<Value, readonly Part[]> {
  const groups = new Map<Value, Part[]>();
  for (const part of parts) {
    const group = groups.get(by(part));
    if (group) group.push(part);
    else groups.set(by(part), [part]);
  }
  return groups;
}

/** The adjoint copies back what was read once, and otherwise adds. */
export const arranged = (arrange: Arrange, context: BuildContext): Operation => {
  const { node, memory } = context;
  const shapes = node.inputs.map((name) => context.shape(name));
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
  const [reading, writing] = [grouped(parts, ({ from }) => from), grouped(parts, ({ to }) => to)];
  const sources = inputs.flatMap((from, i) => {
    const own = reading.get(from) ?? [];
    const constant = own.length > 0 ? context.constant(from.name) : undefined;
    const place = constant && placeConstant(memory, constant, shapes[i], "Moved constant");
    return own.length > 0 ? [{ from, own, place, once: readsOnce(own, from) }] : [];
  });
  const dynamic = sources.filter(({ place }) => !place);
  const written = outputs.filter(({ name }) => name !== "");
  const open = written.filter((to) => elements(writing.get(to) ?? []) < to.size);
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

/** The shapes that an arrangement has. */
export const shapeRuleOf =
  (arrange: Arrange): ShapeRule =>
  (node, inputs, constants) =>
    arrange(node, inputs, constants).shapes;

/** An operator that is nothing but its arrangement. */
export const arranging = (arrange: Arrange, more: Partial<Operator> = {}): Operator => ({
  nature: "moves",
  shape: shapeRuleOf(arrange),
  reach: "regions",
  arrange,
  build: (context) => arranged(arrange, context),
  fold: moved(arrange),
  ...more,
});

/** Every element comes from its own place. */
export const keepsPlaces =
  (arrange: Arrange): NoOpTest =>
  (node, shapes, constants) => {
    const [x = []] = shapes;
    const [region, ...others] = arrange(node, shapes, constants).regions();
    const loops = rowMajorLoops(region, x, x);
    const { a, b } = collapseLoops(loops);
    const whole = sizeOf(region.extents) === sizeOf(x);
    return others.length === 0 && whole && loops.aOffset === loops.bOffset && a.join() === b.join();
  };

/** Where the shape is the same, so is everything. */
export const always: NoOpTest = () => true;
