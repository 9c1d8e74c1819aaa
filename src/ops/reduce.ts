/** ReduceMean and ReduceSum over any axes. */
import { loopsOf } from "../graph/regions";
import { reduction } from "../graph/shapes";
import { sizeOf } from "../tensor";
import { memoryStrides } from "./layout";
import { type Builder, constantsOf, operation } from "./operation";
import { flipped, move, walking } from "./strided";

export const reduce: Builder = (context) => {
  const { node } = context;
  const input = node.inputs[0];
  const [output] = node.outputs;
  const [shape, outShape] = [context.shape(input), context.shape(output)];
  const [region] = reduction(node, [shape], constantsOf(context)).regions();
  const loops = walking("a", loopsOf(region, memoryStrides(shape), memoryStrides(outShape)));
  const [size, outSize] = [sizeOf(shape), sizeOf(outShape)];
  const factor = node.op === "ReduceMean" ? outSize / size : 1;
  return operation({
    node,
    inputs: [input],
    outputs: [output],
    linear: true,
    scratchBytes: (batch, direction) => (direction === "backward" ? outSize * batch * 4 : 0),
    forward: (run) => {
      const y = run.value(output);
      run.memory.bytes(y, outSize * run.batch * 4).fill(0);
      move(run, "addStrided", loops, { pointer: run.value(input), sample: size }, { pointer: y, sample: outSize });
      run.kernels.scale(y, y, outSize * run.batch, factor);
    },
    backward: (run) =>
      run.contribute(input, (dx) => {
        run.kernels.scale(run.gradient(output), run.scratch, outSize * run.batch, factor);
        const sums = { pointer: run.scratch, sample: outSize };
        move(run, "copyStrided", flipped(loops), sums, { pointer: dx, sample: size });
      }),
  });
};
