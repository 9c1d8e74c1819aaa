import { attentionMaps } from "../attribution/maps/attention-maps";
import { type BeginPasses, beginningOf, joinParts, makePart } from "../attribution/passes";
import { projectActivation } from "../attribution/project-activation";
import { relay } from "../attribution/refinement";
import { show } from "../checks";
import { concepts } from "../concepts/concepts";
import { classProbabilityMap } from "../detect/class-probability-map";
import { detect } from "../detect/detect";
import { InternalError, SeethroughError } from "../errors";
import { explain } from "../explain/explain";
import { methodFunctions } from "../explain/methods";
import { kernelsOf, type Packaged } from "../model/kernel-choice";
import type { LoadOptions } from "../model/load-options";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { openModel } from "../model/open-model";
import type { SourceFile } from "../model/source-file";
import type { DividedName, ExplainerName } from "./explainers";
import { pack, unpack } from "./packing";

/** What can be called with a model over there: the explainers, the model's own methods, and the two steps of a divided explanation. */
export type CallName = ExplainerName | "predict" | "run" | "makePart" | "joinParts";

/** The file of a model as it is posted; `undefined` is the embedded one. */
export type PostedFile = Pick<SourceFile, "bytes" | "name"> | undefined;

/** What a model says about itself. */
export interface ModelFacts
  extends Pick<
    Model,
    "name" | "labels" | "notes" | "arithmetic" | "threads" | "input" | "inputs" | "output" | "layers"
  > {
  /** How pictures become each input. */
  readonly settings: readonly NonNullable<LoadOptions["preprocess"]>[];
}

/** One instance: its models, and the calls on them. A worker exposes one; where there are no workers it is called directly. */
export interface Service {
  ready(): Promise<void>;
  load(id: number, file: PostedFile, options: LoadOptions, sibling?: SourceFile["sibling"]): Promise<ModelFacts>;
  unload(id: number): Promise<void>;
  /**
   * @param call     number of this call, for `abort`
   * @param packed   everything that follows the model, as `pack` made it
   * @returns the result, packed
   */
  call(
    call: number,
    id: number,
    name: CallName,
    packed: readonly unknown[],
    onProgress?: (done: number, total: number) => void,
    onAnswer?: (packed: unknown) => void,
  ): Promise<unknown>;
  /** Lets a call whose answers are handed out end with what it has. */
  enough(call: number): Promise<void>;
  abort(call: number): Promise<void>;
  /** Stops every call and disposes every model. */
  close(): Promise<void>;
}

/** By the names of the library. */
const explainers: ReadonlyMap<string, Explain> = new Map<string, Explain>([
  ...(Object.entries(methodFunctions) as [string, Explain][]),
  ["explain", explain],
  ["concepts", concepts as Explain],
  ["projectActivation", projectActivation as Explain],
  ["classProbabilityMap", unwatched(classProbabilityMap)],
  ["attentionMaps", unwatched(attentionMaps)],
  ["detect", unwatched(detect)],
]);

/** One pass has no progress. What its options are the caller's compiler has checked. */
function unwatched<Options>(explainer: (model: Model, input: Input, options: Options) => Promise<object>): Explain {
  return (model, input, { onProgress: _, ...options }: Watch) => explainer(model, input, options as Options);
}

/** How a method of the table begins that says of itself that it can be divided. */
function beginning(name: unknown): BeginPasses<object> {
  const begin = beginningOf(methodFunctions[name as DividedName]);
  if (!begin) throw new InternalError(`${show(name)} is divided, and is not made of passes.`);
  return begin;
}

type Watch = { readonly signal?: AbortSignal; readonly onProgress?: unknown };
type Explain = (model: Model, input: Input, options: object) => Promise<object>;
type Call = (model: Model, args: readonly unknown[], watch: Watch) => Promise<object | undefined>;

/** Every function with a model in front. The caller's compiler has checked the arguments; what it let pass, each function checks. */
const others: Readonly<Record<Exclude<CallName, ExplainerName>, Call>> = {
  predict: (model, [input, options], { signal }) => model.predict(input as Input, { ...(options as object), signal }),
  run: (model, [input, options], { signal }) => model.run(input as Input, { ...(options as object), signal }),
  makePart: (model, [input, options, name, part], watch) =>
    makePart(
      beginning(name),
      model,
      input as Input,
      { ...(options as object), ...watch },
      part as readonly [number, number],
    ),
  joinParts: (model, [input, options, name, results], watch) =>
    joinParts(
      beginning(name),
      model,
      input as Input,
      { ...(options as object), ...watch },
      results as readonly unknown[],
    ),
};

const callOf = (name: CallName): Call => {
  const attribute = explainers.get(name);
  return attribute
    ? (model, [input, options], watch) => attribute(model, input as Input, { ...(options as object), ...watch })
    : others[name as keyof typeof others];
};

export function createService(packaged: Packaged): Service {
  const models = new Map<number, Model>();
  const running = new Map<number, AbortController>();
  /** Calls whose answers nobody waits for any more. */
  const ended = new Set<number>();
  return {
    async ready() {
      await packaged.kernels();
    },
    async load(id, file, { wasm, ...options }, sibling) {
      const source = file ? { ...file, sibling } : await packaged.defaultModel();
      const model = await openModel(source, options, await kernelsOf(packaged, { ...options, wasm }));
      models.set(id, model);
      const { name, labels, notes, arithmetic, threads, input, inputs, output, layers } = model;
      const settings = loaded(model).parts.inputs.map(({ preprocess }) => preprocess);
      return { name, labels, notes, arithmetic, threads, input, inputs, output, layers, settings };
    },
    async unload(id) {
      models.get(id)?.dispose();
      models.delete(id);
    },
    async call(call, id, name, packed, onProgress, onAnswer) {
      const model = models.get(id);
      if (!model) throw new SeethroughError("The model was disposed; load it again.");
      const controller = new AbortController();
      running.set(call, controller);
      // A result must not overtake its progress, which takes another way to the other thread.
      let last: unknown;
      const report =
        onProgress &&
        ((done: number, total: number): unknown => {
          last = onProgress(done, total);
          return last;
        });
      try {
        const answers = callOf(name)(model, packed.map(unpack), { signal: controller.signal, onProgress: report });
        if (onAnswer) {
          relay(answers, {
            any: true,
            get gone() {
              return ended.has(call);
            },
            tell(answer) {
              last = onAnswer(pack(answer, "an answer"));
            },
          });
        }
        const result = await answers;
        await last;
        return pack(result, "the result");
      } finally {
        running.delete(call);
        ended.delete(call);
      }
    },
    async enough(call) {
      if (running.has(call)) ended.add(call);
    },
    async abort(call) {
      running.get(call)?.abort();
    },
    async close() {
      for (const controller of running.values()) controller.abort();
      for (const model of models.values()) model.dispose();
      models.clear();
    },
  };
}
