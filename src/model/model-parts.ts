import type { Combining } from "../compile/combine-operators";
import type { MemoryMode } from "../engine/network";
import type { StaticGraph } from "../graph/ir";
import type { Selection } from "../graph/selection";
import type { Preprocess } from "../image/preprocess-options";
import type { Note } from "../notes";
import type { ValueName } from "../operation/operation";
import type { Arithmetic } from "../wasm/instantiate";
import type { Kernels } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import type { Threads } from "../wasm/threads/start";
import type { ClassAxis } from "./class-axis";
import type { Model } from "./model";
import type { NetworkInput } from "./network-inputs";
import type { OutputKind } from "./output";
import type { Detector } from "./read-output";

/** Everything the loader found out about a network. */
export interface ModelParts {
  readonly name: string;
  readonly labels?: readonly string[];
  /** Every input; the network starts from all of them joined. */
  readonly inputs: readonly NetworkInput[];
  /** How pictures become the first input that takes them. */
  readonly preprocess: Preprocess;
  readonly notes: readonly Note[];
  /** The network as the file has it, constants folded and no-ops removed. */
  readonly graph: StaticGraph;
  /** The same with batch normalisation folded into the weights; absent where it is not folded. */
  readonly folded: StaticGraph | undefined;
  /** What makes the one of the other. */
  readonly combine: Combining;
  /** The output of the file. */
  readonly result: ValueName;
  /** The outputs of the file that are computed, by the file's names: `result`, and of a detector those beside it. */
  readonly outputs: readonly { readonly name: string; readonly value: ValueName }[];
  /** How the file picked among the outputs' candidates behind them, where that was cut off. */
  readonly selection?: Selection;
  /** What is explained: `result`, or the value before its trailing softmax or sigmoid. */
  readonly explained: ValueName;
  readonly outputKind: OutputKind;
  /** Where the classes are in the explained value, and in the output. */
  readonly classAxis: ClassAxis;
  /** The axes of the explained value in the order in which the file writes them. */
  readonly fileOrder: readonly number[];
  readonly resultAxis: ClassAxis;
  /** The channel that the first label names; absent where labels name no channels. */
  readonly firstLabel?: number;
  /** Present where the network is a detector. */
  readonly detector?: Detector;
  /** Present where the file is quantised. */
  readonly quantised?: Quantised;
  readonly hash: () => Promise<string>;
  readonly mode: MemoryMode;
  /** The compiled kernels, for models made of this one. */
  readonly module: WebAssembly.Module;
  readonly arithmetic: Arithmetic;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  /** The threads behind the kernels, where there are several. */
  readonly threads?: Pick<Threads, "count" | "end">;
}

/** How a quantised file is read. */
export interface Quantised {
  readonly reading: "deployed" | "float";
  /** The same file as it is deployed, for one that is read as real numbers; loaded once. Absent where the file is not kept. */
  readonly other?: () => Promise<Model>;
}

/** What stays when operators are combined: the outputs, and what is explained. */
export const keptValues = ({ outputs, explained }: Pick<ModelParts, "outputs" | "explained">): ReadonlySet<ValueName> =>
  new Set([...outputs.map(({ value }) => value), explained]);
