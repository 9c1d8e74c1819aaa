import type { Constant, StaticGraph } from "../graph/ir";
import { LoadedModel } from "../model/loaded-model";
import { keptValues } from "../model/model-parts";
import { instantiateKernels } from "../wasm/instantiate";
import { KernelMemory } from "../wasm/memory";

/** Makes the network with other numbers in its constants. A new copy takes the memory of the one before, which ends with it. */
export type MakeCopy = (constants: ReadonlyMap<string, Constant>) => LoadedModel;

/** A second instance of the kernels, beside the model's own, in which copies of its network run one after the other. */
export async function copiesOf({ parts: { quantised: _, ...parts }, heads }: LoadedModel): Promise<MakeCopy> {
  // The other reading of a quantised network is that of its own numbers.
  const kernels = await instantiateKernels(parts.module);
  let last: LoadedModel | undefined;
  return (constants) => {
    last?.dispose();
    const graph: StaticGraph = { ...parts.graph, constants: new Map([...parts.graph.constants, ...constants]) };
    last = new LoadedModel({
      ...parts,
      graph,
      folded: parts.folded === parts.graph ? graph : parts.combine(graph, keptValues(parts)),
      hash: async () => `${await parts.hash()}, with other weights`,
      kernels,
      memory: new KernelMemory(kernels, parts.memory.maxBytes),
    });
    last.heads = heads;
    return last;
  };
}
