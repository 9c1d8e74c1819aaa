import { proxy } from "comlink";
import type { Attribution } from "../attribution/attribution";
import { withMethods } from "../attribution/attribution-methods";
import type { PartResults } from "../attribution/passes";
import { type Listeners, refining } from "../attribution/refinement";
import { checkBag, messageOf, throwIfAborted } from "../checks";
import { OptionError, SeethroughError } from "../errors";
import { theirsAsync, unlessAborted } from "../guard";
import { ownOptions, unusedNotes } from "../methods/own-options";
import { hasBoth } from "../model/kernel-choice";
import type { LoadOptions, WasmSource } from "../model/load-options";
import { type Input, isNamed, type Model, type NamedInputs } from "../model/model";
import { type ModelSource, readSource } from "../model/source";
import { joinNotes, note } from "../notes";
import { isModule } from "../wasm/instantiate";
import { type DividedName, dividedName, type ExplainerName, type Explainers, explainerNames } from "./explainers";
import { pack, unpack } from "./packing";
import { type Caller, type ModelFile, PooledModel } from "./pooled-model";
import { Seats } from "./seats";
import type { CallName, ModelFacts } from "./service";
import { shareOf, threadsEach } from "./size";
import type { Thread } from "./thread";

export interface CreatePoolOptions {
  /** How many instances; default: as many as the processor runs threads, at most 4. Without workers there is one. */
  readonly size?: number;
  /** Address of the workers' script, `dist/pool-worker.js`; default: beside this module, where bundlers put it too. */
  readonly worker?: string | URL;
}

/** Several instances behind the functions of the library. Every result has the bits that one instance gives. */
export interface WorkerPool extends Explainers {
  /** How many instances it has: 1 where there are no workers. */
  readonly size: number;
  /**
   * Loads a model for this pool: `loadModel` of the main entry, with the same source and options. Every instance gets the
   * file once, when it first needs it.
   */
  loadModel(source?: ModelSource, options?: LoadOptions): Promise<Model>;
  /** Ends the workers. Calls that wait or run reject. */
  dispose(): void;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

type OnProgress = (done: number, total: number) => unknown;

interface Watched {
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/** Gets the bytes of the kernels with fused arithmetic, for threads that carry none. */
type FusedBytes = () => Promise<Uint8Array>;

/** A pool over threads that have started. */
export function poolOf(threads: readonly Thread[], start: () => Promise<Thread>, fused?: FusedBytes): WorkerPool {
  const pool = new Pool(threads, start, fused);
  const dispose = (): void => pool.dispose();
  const explainers = explainerNames.map((name) => [
    name,
    (model: unknown, input: unknown, options: unknown) =>
      refining((listeners) => pool.explain(name, model, input, options, listeners) as Promise<Attribution>),
  ]);
  return {
    ...(Object.fromEntries(explainers) as Explainers),
    size: threads.length,
    loadModel: (source, options) => pool.loadModel(source, options),
    dispose,
    [Symbol.dispose]: dispose,
    async [Symbol.asyncDispose]() {
      dispose();
    },
  };
}

class Pool implements Caller {
  readonly #seats: Seats;
  readonly #fused: FusedBytes | undefined;
  #models = 0;
  #calls = 0;

  constructor(threads: readonly Thread[], start: () => Promise<Thread>, fused?: FusedBytes) {
    this.#seats = new Seats(threads, start);
    this.#fused = fused;
  }

  async loadModel(source: ModelSource | undefined, { signal, ...more }: LoadOptions = {}): Promise<Model> {
    const { controller, unlink } = linked(signal);
    try {
      const loading = this.#load(source, more, controller.signal);
      return await (signal ? unlessAborted(loading, signal) : loading);
    } finally {
      unlink();
    }
  }

  async #load(
    source: ModelSource | undefined,
    { wasm, threadScript, ...plain }: LoadOptions,
    signal: AbortSignal,
  ): Promise<PooledModel> {
    const asked = plain.threads;
    const threads = await threadsEach(asked, this.#seats.size);
    const options = {
      ...(pack({ ...plain, threads }, "options") as LoadOptions),
      // A URL does not travel.
      ...(threadScript !== undefined && {
        threadScript: threadScript instanceof URL ? threadScript.href : threadScript,
      }),
      wasm: await this.#kernels(wasm, plain.arithmetic),
    };
    const given = source === undefined ? undefined : await readSource(source, "model", { ...plain, signal });
    const file = given && { bytes: given.bytes, name: given.name };
    const model: ModelFile = { file, options, sibling: given?.sibling && once(given.sibling) };
    this.#models += 1;
    const id = this.#models;
    const opened = async (thread: Thread): Promise<ModelFacts> => {
      const facts = await load(thread, id, model);
      // Nobody will dispose of what nobody has.
      if (signal.aborted && thread.models.delete(id)) thread.service.unload(id);
      return facts;
    };
    const facts = await this.#seats.use(opened, signal);
    const fewer =
      asked === threads ? [] : [note("fewer-threads", `${asked}`, `${facts.threads}`, shareOf(this.#seats.size))];
    return new PooledModel(id, this, model, { ...facts, notes: joinNotes(facts.notes, fewer) });
  }

  /** The kernels that every thread gets, read once; undefined where each takes its own. */
  async #kernels(wasm: LoadOptions["wasm"], arithmetic: LoadOptions["arithmetic"]): Promise<LoadOptions["wasm"]> {
    const read = async (source: WasmSource): Promise<WasmSource> =>
      isModule(source) ? source : (await readSource(source, "kernels")).bytes;
    if (wasm !== undefined && !hasBoth(wasm)) return read(wasm);
    const wanted = arithmetic === "fused" || arithmetic === "fastest";
    const fused = wasm?.fused ?? (wanted ? await this.#fused?.() : undefined);
    const { plain } = wasm ?? {};
    if (fused === undefined && plain === undefined) return undefined;
    return {
      ...(fused !== undefined && { fused: await read(fused) }),
      ...(plain !== undefined && { plain: await read(plain) }),
    };
  }

  unload({ id }: PooledModel): void {
    for (const { models, service } of this.#seats.threads) if (models.delete(id)) service.unload(id);
  }

  dispose(): void {
    this.#seats.close(new SeethroughError("The pool was disposed: this call cannot be finished. Create another pool."));
  }

  async explain(
    name: ExplainerName,
    model: unknown,
    input: unknown,
    options: unknown,
    listeners: Listeners,
  ): Promise<unknown> {
    const pooled = this.#own(name, model);
    if (options !== undefined) checkBag(name, options, ["target"]);
    const { method, ...others } = (options ?? {}) as {
      readonly method?: unknown;
      readonly noiseTunnel?: unknown;
      readonly targets?: unknown;
      readonly budget?: unknown;
    };
    const isOne = others.noiseTunnel === undefined && others.targets === undefined;
    const divided = isOne ? dividedName(name, method) : undefined;
    // Where calls wait in line there is nothing to gain by dividing.
    if (divided && others.budget === undefined && this.#seats.free > 1) {
      const { own, unused } =
        name === "explain" ? ownOptions(String(method), others) : { own: options ?? {}, unused: [] };
      const found = await this.#divide(divided, pooled, input, own as Watched, listeners);
      const notes = unusedNotes(String(method), unused);
      if (found) {
        return revived(notes.length === 0 ? found : { ...found, notes: joinNotes(found.notes, notes) }, pooled);
      }
    }
    return revived(await this.call(pooled, name, [input, options], listeners), pooled);
  }

  #own(name: string, model: unknown): PooledModel {
    if (model instanceof PooledModel && model.belongsTo(this)) return model;
    if (typeof model === "function") {
      throw new OptionError(
        `${name} of a pool takes a model of its loadModel. A black box is a function, which cannot reach other threads: ` +
          `call ${name}(blackBox, …) of seethrough itself.`,
      );
    }
    throw new OptionError(
      `${name} of a pool takes a model of its own loadModel: const model = await pool.loadModel(source). Other models ` +
        "live in one thread.",
    );
  }

  /**
   * The passes of one explanation divided among the instances that are free, their results brought together by one of them in the
   * usual order; undefined if they would take too much memory there.
   */
  async #divide(
    name: DividedName,
    model: PooledModel,
    input: unknown,
    options: Watched,
    listeners: Listeners,
  ): Promise<Attribution | undefined> {
    const parts = this.#seats.free;
    const { signal, onProgress, ...plain } = options;
    const watched = { ...(signal && { signal }), ...(onProgress && { onProgress }) };
    // The caller may use his memory again while the parts are made, and some of them are sent it later.
    const [own, settings] = copied(name, input, plain);
    // Answers on the way come from one instance. Who iterates over them has begun to when the call has returned.
    await undefined;
    if (listeners.any)
      return (await this.call(model, name, [own, { ...settings, ...watched }], listeners)) as Attribution;
    const stop = linked(signal);
    // Each part has a signal of its own: many listeners on one make Node suspicious.
    const stops = Array.from({ length: parts }, () => new AbortController());
    stop.controller.signal.addEventListener("abort", () => {
      for (const each of stops) each.abort(stop.controller.signal.reason);
    });
    const done = new Array<number>(parts).fill(0);
    let reported = 0;
    const report = (part: number): OnProgress | undefined =>
      onProgress &&
      ((count, total) => {
        done[part] = count;
        const sum = done.reduce((all, value) => all + value);
        // Parts that are made again are no progress until they are further than before.
        if (sum <= reported) return;
        reported = sum;
        return onProgress(sum, total);
      });
    const make = (given: object): Promise<(PartResults | undefined)[]> =>
      Promise.all(
        done.map((_, part) => {
          const watched = { ...given, signal: stops[part].signal, onProgress: report(part) };
          return this.call(model, "makePart", [own, watched, name, [part, parts]]) as Promise<PartResults | undefined>;
        }),
      );
    try {
      let given: object = settings;
      let found = (await make(given)).filter((part) => part !== undefined);
      // Where one of them had too little memory for the default, all do without.
      if (found.some(({ engine }) => JSON.stringify(engine) !== JSON.stringify(found[0].engine))) {
        given = { ...settings, engine: "full" };
        found = (await make(given)).filter((part) => part !== undefined);
      }
      if (found.length < parts) return undefined;
      const [{ engine }] = found;
      const results = found.flatMap((part) => part.results);
      const settled = { ...given, ...(engine !== undefined && { engine }), signal };
      return (await this.call(model, "joinParts", [own, settled, name, results])) as Attribution;
    } catch (error) {
      stop.controller.abort(error);
      throw error;
    } finally {
      stop.unlink();
    }
  }

  async call(
    model: PooledModel,
    name: CallName,
    [input, options, ...more]: readonly unknown[],
    listeners?: Listeners,
  ): Promise<unknown> {
    if (options !== undefined) checkBag(name, options, []);
    const { signal, onProgress, ...plain } = (options ?? {}) as Watched;
    const args = [...copied(name, input, plain), ...more];
    const { controller, unlink } = linked(signal);
    this.#calls += 1;
    const id = this.#calls;
    const progress =
      onProgress &&
      proxy(async (done: number, total: number) => {
        if (controller.signal.aborted) return;
        try {
          // The thread waits for what the function waits for, but not beyond the end of the call.
          await theirsAsync(() => onProgress(done, total), controller.signal);
        } catch (error) {
          controller.abort(error);
        }
      });
    const answered = proxy((packed: unknown): void => {
      listeners?.tell(revived(unpack(packed), model) as Attribution);
    });
    const work = async (thread: Thread): Promise<unknown> => {
      const { file } = model;
      if (!file) throw new SeethroughError(`The model "${model.name}" was disposed; load it again.`);
      if (!thread.models.has(model.id)) await load(thread, model.id, file);
      const abort = (): void => {
        if (thread.isAlive()) thread.service.abort(id);
      };
      controller.signal.addEventListener("abort", abort);
      controller.signal.throwIfAborted();
      try {
        if (!listeners?.any) return await thread.service.call(id, model.id, name, args, progress);
        const enough = (): void => {
          if (thread.isAlive()) thread.service.enough(id);
        };
        listeners.whenGone(enough);
        const call = thread.service.call(id, model.id, name, args, progress, answered);
        if (listeners.gone) enough();
        return await call;
      } finally {
        controller.signal.removeEventListener("abort", abort);
      }
    };
    try {
      // Whoever has parts to join has waited for them already, and they take memory.
      return unpack(await this.#seats.use(work, controller.signal, name === "joinParts"));
    } finally {
      unlink();
    }
  }
}

/** Functions do not travel, so an attribution gets its own again. */
const revived = (found: unknown, model: Model): unknown =>
  Array.isArray(found)
    ? found.map((each) => revived(each, model))
    : typeof found === "object" && found !== null && "values" in found && "inputSize" in found
      ? withMethods(found as Attribution, model.input.name)
      : found;

async function load(
  thread: Thread,
  id: number,
  { file, options, sibling }: ModelFile,
): ReturnType<Thread["service"]["load"]> {
  const facts = await thread.service.load(id, file, options, sibling && proxy((path: string) => sibling(path)));
  thread.models.add(id);
  return facts;
}

/** Files beside the model are read once, however many threads ask. */
function once<T>(read: (path: string) => Promise<T>): (path: string) => Promise<T> {
  const found = new Map<string, Promise<T>>();
  return (path) => {
    const known = found.get(path) ?? read(path);
    found.set(path, known);
    return known;
  };
}

/**
 * A controller that follows a signal until it is unlinked.
 *
 * @throws the signal's reason if it is aborted already; {OptionError} if it is no signal
 */
function linked(signal: AbortSignal | undefined): {
  readonly controller: AbortController;
  readonly unlink: () => void;
} {
  throwIfAborted(signal);
  const controller = new AbortController();
  const follow = (): void => controller.abort(signal?.reason);
  signal?.addEventListener("abort", follow);
  return { controller, unlink: () => signal?.removeEventListener("abort", follow) };
}

/**
 * Input and options as they are now, in memory of their own and ready to be posted.
 *
 * @throws {OptionError} if something in them cannot reach another thread
 */
function copied(name: string, input: unknown, options: object): [input: unknown, options: object] {
  const packed = [pack(posted(input), "the input"), pack(options, "options")];
  try {
    return structuredClone(packed) as [unknown, object];
  } catch (error) {
    throw new OptionError(`An argument of ${name} cannot reach the pool's other threads: ${messageOf(error)}`);
  }
}

/** Of several inputs each as it is posted. */
const posted = (input: unknown): unknown =>
  isNamed(input as Input)
    ? Object.fromEntries(Object.entries(input as NamedInputs).map(([name, each]) => [name, pixelsOf(each)]))
    : pixelsOf(input);

/** An image's own three fields: those of an ImageData or of a canvas package are no own properties and would be lost. */
function pixelsOf(input: unknown): unknown {
  if (typeof input !== "object" || input === null || "shape" in input) return input;
  if (!("data" in input && "width" in input && "height" in input)) return input;
  const { data, width, height } = input;
  return { data, width, height };
}
