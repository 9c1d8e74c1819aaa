import { wholeNumber } from "../checks";
import { combiningFor } from "../compile/combine-operators";
import { halveWeights } from "../compile/halve-weights";
import { joinInputs, placedInputs } from "../compile/join-inputs";
import { checkMemory } from "../engine/plan";
import type { StaticGraph } from "../graph/ir";
import { saysNormalisation } from "../image/normalisation";
import { joinNotes, type Note, note } from "../notes";
import { hearing } from "../turns";
import { instantiateKernels, moduleBytes } from "../wasm/instantiate";
import { KernelMemory } from "../wasm/memory";
import type { NoThreads, Threads } from "../wasm/threads/start";
import { type AskedNetwork, askedNetwork } from "./asked-network";
import { readGraph } from "./file-graph";
import type { ChosenKernels } from "./fused-kernels";
import { hashBytes } from "./hash";
import { integerRange } from "./integer-pixels";
import { checkedOptions, type LoadOptions } from "./load-options";
import { LoadedModel } from "./loaded-model";
import type { Model } from "./model";
import { keptValues } from "./model-parts";
import { type NetworkInput, pictureInput } from "./network-inputs";
import { checkWeights } from "./not-finite";
import { pictureChannels, preprocessOf } from "./read-inputs";
import type { SourceFile } from "./source-file";
import { staticNetwork } from "./static-network";

/**
 * Makes a model of a file.
 *
 * @param chosen  the compiled kernels; those of another model may be used again
 */
export async function openModel(
  source: SourceFile,
  options: LoadOptions,
  chosen: ChosenKernels | Promise<ChosenKernels>,
): Promise<Model> {
  const settings = checkedOptions(options);
  const count = wholeNumber("threads", options.threads === undefined ? 1 : options.threads, 1, 256);
  if (count === 1) return openInThreads(source, options, settings, chosen, undefined);
  // They start while the file is read.
  const starting = import("../wasm/threads/start").then(async ({ startThreads }) =>
    startThreads(moduleBytes((await chosen).module), count, settings.maxMemory, { script: options.threadScript }),
  );
  starting.catch(() => {});
  try {
    return await openInThreads(source, options, settings, chosen, starting);
  } catch (error) {
    starting.then((threads) => "end" in threads && threads.end()).catch(() => {});
    throw error;
  }
}

async function openInThreads(
  source: SourceFile,
  options: LoadOptions,
  settings: ReturnType<typeof checkedOptions>,
  chosen: ChosenKernels | Promise<ChosenKernels>,
  starting: Promise<Threads | NoThreads> | undefined,
): Promise<Model> {
  const { maxMemory, limits, mode, quantized } = settings;
  const hear = hearing(options.signal);
  const read = await readGraph(source, options, limits);
  await hear();
  // Whatever is assumed on the way is collected here.
  const notes: Note[] = [...(read.notes ?? [])];
  const asked = await askedNetwork(source, read, options, limits, notes);
  const compiled = async () => instantiateKernels((await chosen).module);
  const { graph, joined, reading, resolved, outputs, scalesItself } = await staticNetwork(
    asked,
    read,
    options,
    settings,
    compiled,
    hear,
    notes,
  );
  // Two copies of the weights, one folded, are what low memory cannot afford.
  const low = mode === "low";
  const full = low ? halveWeights(joined) : joined;
  await hear();
  await checkWeights(full, hear);
  const inputs = inputsOf(graph, asked, options);
  notes.push(...inputNotes(inputs, asked, scalesItself));
  const combine = await combiningFor(joined);
  const folded = low ? full : combine(joined, keptValues({ outputs, explained: reading.explained }));

  await hear();
  const { module, arithmetic, reason } = await chosen;
  if (reason !== undefined) notes.push(note("plain-arithmetic", reason));
  const started = await starting;
  if (started && "reason" in started) notes.push(note("fewer-threads", `${options.threads}`, "1", started.reason));
  const threads = started && "end" in started ? started : undefined;
  const kernels = threads?.kernels ?? (await instantiateKernels(module));
  const memory = threads?.memory ?? new KernelMemory(kernels, maxMemory);
  const other = once(() => openModel(source, asDeployed(options), { module, arithmetic }));
  const model = new LoadedModel({
    name: read.name,
    ...reading,
    inputs,
    preprocess: pictureInput(inputs, undefined).preprocess,
    notes: joinNotes(notes),
    graph: joinInputs(full),
    folded: folded === full ? undefined : joinInputs(folded),
    combine,
    result: resolved,
    outputs,
    ...(asked.selection && { selection: asked.selection }),
    fileOrder: read.fileOrder(reading.explained, (graph.shapes.get(reading.explained) ?? []).length),
    ...(notes.some(({ code }) => code === "quantised") && {
      quantised: { reading: quantized, ...(quantized === "float" && !low && { other }) },
    }),
    // In low memory the file is not kept, so its hash is taken now.
    hash: low ? await hashed(read.pieces) : once(() => hashBytes(...read.pieces)),
    mode,
    module,
    arithmetic,
    kernels,
    memory,
    ...(threads && { threads }),
  });
  if (reading.detector) model.heads = await import("./heads/heads");
  const forward = model.session.plan(model.fast, { batch: 1, start: model.fast.input, keep: [resolved] });
  const { weights, arena } = model.session.cost(model.fast, forward);
  checkMemory(memory, weights, arena, `The model "${model.name}"`);
  await hear();
  return model;
}

/** The hash of some bytes, which need not be kept for it. */
async function hashed(pieces: readonly Uint8Array[]): Promise<() => Promise<string>> {
  const hash = await hashBytes(...pieces);
  return async () => hash;
}

/** Every input, and how pictures become it. */
const inputsOf = (graph: StaticGraph, { metadata }: AskedNetwork, options: LoadOptions): NetworkInput[] =>
  placedInputs(graph).map((input, i) => {
    const own = graph.inputs[i];
    const preprocess = preprocessOf(graph, own, metadata, options);
    return { ...input, preprocess, ...(own.integers !== undefined && { integers: own.integers }) };
  });

/** What is assumed of what the inputs take. */
function inputNotes(
  inputs: readonly NetworkInput[],
  { saysRange, ownPixels }: AskedNetwork,
  scalesItself: boolean,
): Note[] {
  const notes: Note[] = [];
  for (const { name, shape, integers: type } of inputs) {
    if (type === undefined) continue;
    if (pictureChannels(shape) === undefined || type === "bool") notes.push(note("integer-data", name, type));
    else if (!saysRange || ownPixels) {
      notes.push(note("integer-input", type, integerRange(type).join(" to "), ownPixels ? "files" : "nobody"));
    }
  }
  const pictures = inputs.filter(({ shape }) => pictureChannels(shape) !== undefined);
  // The note of a network that scales its own input says the same, and more.
  if (!scalesItself && pictures.some(({ preprocess }) => !saysNormalisation(preprocess)))
    notes.push(note("normalisation-assumed"));
  return notes;
}

/** The other reading of a quantised file: nobody waits for it who could give it up. */
const asDeployed = ({ signal: _, ...options }: LoadOptions): LoadOptions => ({ ...options, quantized: "deployed" });

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
