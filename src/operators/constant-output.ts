/** A value that is the same whatever the input is: it is written as it is, and nothing goes back. */
import { toMemoryOrder } from "../operation/layout";
import { type Builder, oneToOne } from "../operation/operation";

export const constantOutput: Builder = (context) => {
  const [name] = context.node.outputs;
  const constant = context.constant(name) ?? context.refuse("its value is not known");
  const values = toMemoryOrder(constant.floats(), constant.shape);
  const size = context.shape(context.node.inputs[0]).reduce((product, extent) => product * extent, 1);
  return oneToOne(context, {
    linear: true,
    forward: ({ memory, batch }, _, y) => {
      const out = memory.floats(y, values.length * batch);
      for (let sample = 0; sample < batch; sample++) out.set(values, sample * values.length);
    },
    backward: ({ memory, batch }, _, dx) => {
      memory.floats(dx, size * batch).fill(0);
    },
  });
};
