/** ReduceMean and ReduceSum over any axes. */
import { loopsOf } from "../graph/regions";
import { reduction } from "../graph/shapes";
import { sizeOf } from "../tensor";
import { Unary } from "../wasm/kernels";
import { memoryStrides } from "./layout";
import { type Builder, constantsOf, oneToOne } from "./operation";
import { flipped, move, walking } from "./strided";

export const reduce: Builder = (context) => {
  const { node } = context;
  const [shape, outShape] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
  const [region] = reduction(node, [shape], constantsOf(context)).regions();
  const loops = walking("a", loopsOf(region, memoryStrides(shape), memoryStrides(outShape)));
  const [size, outSize] = [sizeOf(shape), sizeOf(outShape)];
  const factor = node.op === "ReduceMean" ? outSize / size : 1;
  return oneToOne(context, {
    linear: true,
    scratchBytes: (batch, direction) => (direction === "backward" ? outSize * batch * 4 : 0),
    forward: (run, x, y) => {
      run.memory.bytes(y, outSize * run.batch * 4).fill(0);
      move(run, "addStrided", loops, { pointer: x, sample: size }, { pointer: y, sample: outSize });
      run.kernels.unary(Unary.scale, y, y, outSize * run.batch, factor, 0);
    },
    backward: (run, dy, dx) => {
      run.kernels.unary(Unary.scale, dy, run.scratch, outSize * run.batch, factor, 0);
      const scaled = { pointer: run.scratch, sample: outSize };
      move(run, "copyStrided", flipped(loops), scaled, { pointer: dx, sample: size });
    },
  });
};
