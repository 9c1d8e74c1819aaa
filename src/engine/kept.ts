import type { Node } from "../graph/ir";
import { type Operation, operation, type Run } from "../operation/operation";
import type { Pointer } from "../wasm/kernels";

/** A value that a change does not reach, from where it is kept: the same for every sample. */
export const kept = (node: Node, size: number, before: () => Pointer): Operation =>
  operation({
    node,
    inputs: node.inputs,
    outputs: node.outputs,
    forward: (run: Run) => {
      const bytes = run.memory.bytes(0, run.memory.resident);
      const [from, to] = [before(), run.value(node.outputs[0])];
      for (let sample = 0; sample < run.batch; sample++) {
        bytes.copyWithin(to + sample * size * 4, from, from + size * 4);
      }
    },
    // Changes are followed forward only.
    backward: () => {},
  });
