import { expect, test } from "vitest";
import { interleave, stepOf } from "../../bench/measure";

test("a round calls each contender once, and whose turn comes first changes", async () => {
  let now = 0;
  const called: string[] = [];
  const contenders = [10, 20, 30].map((duration) => ({
    name: `${duration} ms`,
    run: () => {
      now += duration;
      called.push(`${duration} ms`);
    },
  }));
  const rounds = 40;
  const samples = await interleave(contenders, rounds, () => now);

  for (const { name } of contenders)
    expect(samples.get(name)).toEqual(Array.from({ length: rounds }, () => Number.parseInt(name, 10)));
  const turns = Array.from({ length: rounds }, (_, round) =>
    called.slice(called.length - 3 * (rounds - round)).slice(0, 3),
  );
  for (const turn of turns) expect(turn.toSorted()).toEqual(contenders.map(({ name }) => name));
  const firsts = contenders.map(({ name }) => turns.filter(([first]) => first === name).length);
  for (const count of firsts) expect(count).toBeGreaterThan(rounds / 5);
});

test("the step of a clock is the least by which it goes on", () => {
  let calls = 0;
  expect(stepOf(() => Math.floor(calls++ / 50) * 4)).toBe(4);
  expect(stepOf(() => calls++ * 0.001)).toBeCloseTo(0.001, 6);
  expect(stepOf(() => 7)).toBe(Number.POSITIVE_INFINITY);
});
