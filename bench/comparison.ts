import { difference, slopeError, tolerances } from "./compare";
import type { LayerEntry } from "./layers";
import { type Clock, type Contender, interleave, medianRatio, type Summary, summarise } from "./measure";
import { Random } from "./networks/builder";
import { networks } from "./networks/index";
import type { Peak } from "./peak";
import { type BenchInput, benchInput, type Engine, inOnnxOrder, type RunningNetwork } from "./peers/engine";

export const kinds = ["forward", "gradient", "layers"] as const;
export type Kind = (typeof kinds)[number];

/** One engine on one network or layer; times are milliseconds. */
export interface Result extends Summary {
  readonly kind: Kind;
  readonly subject: string;
  readonly engine: string;
  /** Work of direct convolution over time; a gradient pass counts as two forward passes. */
  readonly gigaflops?: number;
  /** Of the wasm peak measured in the same rounds. */
  readonly shareOfPeak?: number;
  readonly gigabytesPerSecond?: number;
  /** How many times longer than the first engine: median over the rounds. */
  readonly timesFirst?: number;
  /** A gradient in forward passes of the same engine. */
  readonly timesForward?: number;
  /** Difference found before timing; see `tolerances`. */
  readonly error: number;
  /** Median deviation of the peak loop in the same rounds, relative: how much else the machine did. */
  readonly unrest: number;
}

interface Prepared {
  readonly engine: Engine;
  readonly network: RunningNetwork;
}

/** What one call costs at least. */
interface Work {
  readonly flops?: number;
  readonly bytes?: number;
}

const peakName = "peak";
/** The class whose logit is explained. */
const target = 7;

/** Runs every engine on the same file and input: first that they agree, then how long they take, in turns. */
export class Comparison {
  /** GFLOP/s of the peak loop, median of each measurement. */
  readonly peaks: number[] = [];
  /** Results beyond the tolerances. */
  readonly disagreements: string[] = [];
  /** What an engine cannot do. */
  readonly gaps: string[] = [];
  readonly #engines: readonly Engine[];
  readonly #rounds: number;
  readonly #peak: Peak;

  readonly #clock: Clock;

  constructor(engines: readonly Engine[], rounds: number, peak: Peak, clock: Clock) {
    this.#engines = engines;
    this.#rounds = rounds;
    this.#peak = peak;
    this.#clock = clock;
  }

  async network(name: string, wanted: readonly Kind[]): Promise<Result[]> {
    const { mmac, side = 224, build } = networks[name];
    const input = randomInput([1, 3, side, side]);
    const prepared = await this.#prepare(build());
    const results: Result[] = [];
    if (wanted.includes("forward")) {
      const errors = await this.#outputErrors(name, prepared, input, [1, 1000]);
      const samples = await this.#time(prepared.map((each) => forward(each, input)));
      results.push(...this.#results("forward", name, samples, errors, { flops: 2e6 * mmac }));
    }
    if (wanted.includes("gradient")) results.push(...(await this.#gradient(name, mmac, prepared, input)));
    for (const { network } of prepared) await network.dispose();
    return results;
  }

  /** One layer, by itself where it can follow itself: what a file with `repeats` more of it takes longer. */
  async layer({ name, input: shape, output, macs, bytes, repeats, build }: LayerEntry): Promise<Result[]> {
    const input = randomInput(shape);
    const single = await this.#prepare(build(1));
    const chain = repeats > 0 ? await this.#prepare(build(1 + repeats)) : [];
    const errors = await this.#outputErrors(name, single, input, output);
    const chained = chain.map((each) => forward(each, input, " chain"));
    const timed = await this.#time([...single.map((each) => forward(each, input)), ...chained]);
    for (const { network } of [...single, ...chain]) await network.dispose();

    const samples = new Map([[peakName, timed.get(peakName) ?? []]]);
    for (const { engine } of single) {
      const one = timed.get(engine.name) ?? [];
      const many = timed.get(`${engine.name} chain`);
      samples.set(engine.name, many ? many.map((time, round) => Math.max(0, time - one[round]) / repeats) : one);
    }
    const subject = repeats > 0 ? name : `${name} (whole call)`;
    return this.#results("layers", subject, samples, errors, macs > 0 ? { flops: 2 * macs, bytes } : { bytes });
  }

  async #gradient(name: string, mmac: number, prepared: readonly Prepared[], input: BenchInput): Promise<Result[]> {
    const subject = `gradient of ${name}`;
    const able: Prepared[] = [];
    const errors = new Map<string, number>();
    let reference: Float32Array | undefined;
    for (const each of prepared) {
      const { engine, network } = each;
      if (!network.gradient) continue;
      try {
        const values = inOnnxOrder(await network.gradient(input, target), input.shape, engine.layout);
        // The first is checked against its own forward pass, the others against the first.
        const error = reference ? difference(values, reference).l2 : await slopeError(network, input, target, values);
        this.#check(subject, engine.name, error, reference ? tolerances.gradient : tolerances.slope);
        reference ??= values;
        errors.set(engine.name, error);
        able.push(each);
      } catch (error) {
        this.gaps.push(`${subject}: ${engine.name} cannot: ${firstLine(error)}`);
      }
    }
    const samples = await this.#time(able.flatMap((each) => [gradient(each, input), forward(each, input, " forward")]));
    return this.#results("gradient", name, samples, errors, { flops: 4e6 * mmac });
  }

  async #prepare(bytes: Uint8Array): Promise<Prepared[]> {
    const prepared: Prepared[] = [];
    for (const engine of this.#engines) prepared.push({ engine, network: await engine.prepare(bytes) });
    return prepared;
  }

  /** Every engine against the last one: the native engine, where it takes part. */
  async #outputErrors(
    subject: string,
    prepared: readonly Prepared[],
    input: BenchInput,
    shape: readonly number[],
  ): Promise<Map<string, number>> {
    const outputs: [string, Float32Array][] = [];
    for (const { engine, network } of prepared) {
      outputs.push([engine.name, inOnnxOrder(await network.forward(input), shape, engine.layout)]);
    }
    const [, reference] = outputs[outputs.length - 1];
    const errors = new Map(outputs.map(([name, values]) => [name, difference(values, reference).max]));
    for (const [name, error] of errors) this.#check(subject, name, error, tolerances.output);
    return errors;
  }

  #check(subject: string, engine: string, error: number, limit: number): void {
    if (error <= limit) return;
    this.disagreements.push(
      `${subject}: ${engine} differs by ${error.toExponential(1)}, allowed are ${limit.toExponential(0)}`,
    );
  }

  #time(contenders: readonly Contender[]): Promise<Map<string, number[]>> {
    return interleave([...contenders, { name: peakName, run: this.#peak.run }], this.#rounds, this.#clock);
  }

  #results(
    kind: Kind,
    subject: string,
    samples: ReadonlyMap<string, readonly number[]>,
    errors: ReadonlyMap<string, number>,
    { flops, bytes }: Work,
  ): Result[] {
    const of = (name: string): readonly number[] => samples.get(name) ?? [];
    const loop = summarise(of(peakName));
    const unrest = loop.deviation / loop.median;
    const peak = this.#peak.flops / loop.median / 1e6;
    this.peaks.push(peak);
    const [first] = errors.keys();
    const isFirstMeasured = first !== undefined && summarise(of(first)).median > 0;
    return [...errors].map(([engine, error]) => {
      const summary = summarise(of(engine));
      // A median of 0 is a layer that did not stand out from the noise of the call.
      const rate = (amount: number | undefined) =>
        summary.median > 0 && amount ? amount / summary.median / 1e6 : undefined;
      const gigaflops = rate(flops);
      const passes = of(`${engine} forward`);
      return {
        ...{ kind, subject, engine, error, unrest, ...summary, gigaflops },
        shareOfPeak: gigaflops && gigaflops / peak,
        gigabytesPerSecond: rate(bytes),
        timesFirst: isFirstMeasured ? medianRatio(of(engine), of(first)) : undefined,
        timesForward: passes.length > 0 ? medianRatio(of(engine), passes) : undefined,
      };
    });
  }
}

const forward = ({ engine, network }: Prepared, input: BenchInput, suffix = ""): Contender => ({
  name: engine.name + suffix,
  run: () => network.forward(input),
});

const gradient = ({ engine, network }: Prepared, input: BenchInput): Contender => ({
  name: engine.name,
  run: () => network.gradient?.(input, target),
});

/** Uniform with variance 1. */
function randomInput(shape: readonly number[]): BenchInput {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return benchInput(new Random(1).uniform(size, -Math.sqrt(3), Math.sqrt(3)), shape);
}

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split("\n")[0];
