import { Bench } from "tinybench";
import { Random } from "./networks/builder";

/** Something to time. */
export interface Contender {
  readonly name: string;
  run(): unknown;
}

/** Milliseconds that have passed. */
export type Clock = () => number;

type ThreadUsage = (() => { readonly user: number; readonly system: number }) | undefined;

/**
 * The clock on the wall, or the time that this thread ran, which on a busy machine says more. A Node before 23.9 has the first alone.
 *
 * @throws if there is none of the name
 */
export function clockOf(name: string): Clock {
  if (name === "wall") return () => performance.now();
  const usage = (process as { readonly threadCpuUsage?: ThreadUsage }).threadCpuUsage;
  if (name !== "thread" || !usage)
    throw new Error(`--clock: "${name}" is no clock of this Node; there are wall and, from 23.9 on, thread.`);
  const clock = (): number => {
    const { user, system } = usage.call(process);
    return (user + system) / 1000;
  };
  const step = stepOf(clock);
  if (step > coarsest) {
    throw new Error(
      `--clock: this machine counts what a thread ran in steps of ${step.toFixed(1)} ms, too coarse for calls of a few. Use wall.`,
    );
  }
  return clock;
}

/** A clock with longer steps says nothing about a short call. */
const coarsest = 0.5;

/** By how much a clock goes on at once, in milliseconds; kernels that count ticks go on by 1 to 10. */
export function stepOf(clock: Clock): number {
  let [least, last] = [Number.POSITIVE_INFINITY, clock()];
  for (let seen = 0, end = performance.now() + 100; seen < 3 && performance.now() < end; ) {
    const now = clock();
    if (now === last) continue;
    least = Math.min(least, now - last);
    last = now;
    seen++;
  }
  return least;
}

/** Without the flags of the README, V8 replaces wasm code function by function while it runs: warm takes calls and time. */
const warmUpRounds = 2;
const warmUpTime = 500;
/** A sample shorter than this is the mean of several calls. */
const shortestSample = 4;
/** A measurement that takes longer than this ends early, but not before the third round. */
const longestMeasurement = 60_000;
const fewestRounds = 3;

/**
 * Times every contender once a round, so that whatever else the machine does meets all of them alike, and each round in another order: who always
 * comes after the same other pays for it (a build beside itself took 1.05 times as long in first place).
 *
 * @returns milliseconds per call, one number per round, by contender
 */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
  clock: Clock = clockOf("wall"),
): Promise<Map<string, number[]>> {
  const once = async (contender: Contender, calls: number): Promise<number> => {
    const start = clock();
    for (let i = 0; i < calls; i++) await contender.run();
    return (clock() - start) / calls;
  };
  const calls = new Map<string, number>();
  const start = performance.now();
  for (let round = 0; round < warmUpRounds || performance.now() - start < warmUpTime * contenders.length; round++) {
    for (const contender of contenders) {
      const duration = await once(contender, calls.get(contender.name) ?? 1);
      calls.set(contender.name, Math.min(64, Math.max(1, Math.ceil(shortestSample / duration))));
    }
  }
  const samples = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  const measured = performance.now();
  const order = new Random(1);
  for (let round = 0; round < rounds; round++) {
    if (round >= fewestRounds && performance.now() - measured > longestMeasurement) break;
    for (const contender of order.shuffled(contenders)) {
      samples.get(contender.name)?.push(await once(contender, calls.get(contender.name) ?? 1));
    }
  }
  return samples;
}

export interface Summary {
  readonly rounds: number;
  /** Milliseconds. */
  readonly median: number;
  readonly min: number;
  /** Median absolute deviation, milliseconds. */
  readonly deviation: number;
}

/** tinybench's statistics of samples that were taken in turns, which tinybench itself does not do. */
export function summarise(samples: readonly number[]): Summary {
  const bench = new Bench({ iterations: samples.length, time: 0, warmup: false, throws: true });
  let next = 0;
  bench.add("samples", () => ({ overriddenDuration: samples[next++ % samples.length] }), { async: false });
  const [task] = bench.runSync();
  const { result } = task;
  if (result.state !== "completed") throw new Error(`tinybench: the task is ${result.state}.`);
  const { p50, min, mad } = result.latency;
  return { rounds: samples.length, median: p50, min, deviation: mad };
}

/** Median over the rounds of how many times longer `others` took than `ours` in the same round. */
export const medianRatio = (others: readonly number[], ours: readonly number[]): number =>
  summarise(others.map((time, round) => time / ours[round])).median;
