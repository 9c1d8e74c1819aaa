import { ModelError } from "../../errors";
import type { Node } from "../../graph/ir";
import type { ValueName } from "../../operation/operation";
import { dependsOn } from "../../operators/reach";
import { type AxisRegion, isEmpty, union } from "../../operators/region";
import { operators } from "../../operators/table";
import type { ModelValues } from "../model-values";

/** What a region of a value is computed from. */
export interface ReachWalk {
  /** The region of every value that was reached, the first one included. */
  readonly regions: ReadonlyMap<ValueName, AxisRegion>;
  /** The nodes that were crossed, last first. */
  readonly crossed: readonly Node[];
}

/**
 * Walks from a region of a value down to the input.
 *
 * @param until  regions that are not followed further
 */
export function walkDown(
  model: ModelValues,
  value: ValueName,
  region: AxisRegion,
  until: (region: AxisRegion) => boolean = () => false,
): ReachWalk {
  const { nodes, shapes, constants, opset } = model.parts.graph;
  const regions = new Map<ValueName, AxisRegion>([[value, region]]);
  const crossed: Node[] = [];
  for (const node of [...nodes].reverse()) {
    // Of several inputs each has its own region.
    if (node.op === "InputPart") continue;
    node.outputs.forEach((name, output) => {
      const out = regions.get(name);
      if (!out || until(out)) return;
      const read = dependsOn(operators.get(node.op), {
        node,
        opset,
        out,
        output,
        shapes: node.inputs.map((input) => shapes.get(input) ?? []),
        constants: node.inputs.map((input) => constants.get(input)),
      });
      if (!read) throw new ModelError(`${node.op} "${node.name}": what it depends on is not known.`);
      crossed.push(node);
      read.forEach((part, i) => {
        const input = node.inputs[i];
        if (part && !isEmpty(part) && shapes.has(input) && !constants.has(input))
          regions.set(input, union(regions.get(input), part));
      });
    });
  }
  return { regions, crossed };
}
