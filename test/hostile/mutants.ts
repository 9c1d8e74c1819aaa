import { expect } from "vitest";
import { InternalError, SeethroughError } from "../../src/index";
import { caseOf, otherSeeds } from "../seeded";

/** Milliseconds of processor time that one case may take. */
const slowest = 2000;

/** Megabytes that the cases of a family may add to the process. */
const mostMegabytes = 400;

/** Marsaglia's xorshift32: the cases are the same in every run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Bytes that mean something to readers: zero, ends of ranges, continued varints, quotes and brackets. */
const telling = [0, 1, 0x7f, 0x80, 0xff, 0x22, 0x5b, 0x7b, 0x2d, 0x39];

export function mutated(bytes: Uint8Array, below: (n: number) => number): Uint8Array {
  let out = bytes.slice();
  for (let n = 1 + below(4); n > 0 && out.length > 0; n--) {
    const at = below(out.length);
    const kind = below(6);
    if (kind === 0) out[at] ^= 1 << below(8);
    else if (kind === 1) out[at] = telling[below(telling.length)];
    else if (kind === 2) out.fill(0xff, at, at + 1 + below(8));
    else if (kind === 3) out = out.slice(0, at);
    else {
      const length = 1 + below(32);
      const piece = out.slice(at, at + length);
      const rest = kind === 4 ? at : at + length;
      out = Uint8Array.from([...out.slice(0, at), ...(kind === 4 ? piece : []), ...out.slice(rest)]);
    }
  }
  return out;
}

interface Found {
  readonly untyped: string[];
  /** Bytes that the process had at most before. */
  readonly before: number;
  slowest: number;
  slowestCase: number;
  cases: number;
  refused: number;
}

export async function tryAll(
  count: number,
  seed: number,
  one: (below: (n: number) => number) => Promise<unknown>,
): Promise<Found> {
  const before = process.resourceUsage().maxRSS * 1024;
  const found: Found = { untyped: [], before, slowest: 0, slowestCase: 0, cases: count, refused: 0 };
  for (let i = 0; i < count; i++) {
    const start = process.cpuUsage();
    try {
      await one(random(seed + i * 2654435761 + otherSeeds || 1));
    } catch (error) {
      found.refused++;
      if (!(error instanceof SeethroughError) || error instanceof InternalError) {
        found.untyped.push(
          `${caseOf(i)}: ${error instanceof Error ? `${error.stack} ${(error.cause as Error)?.stack ?? ""}` : error}`,
        );
      } else if (error.message.length > 5000) found.untyped.push(`${caseOf(i)}: a text of ${error.message.length}`);
    }
    const { user, system } = process.cpuUsage(start);
    const milliseconds = (user + system) / 1000;
    if (milliseconds > found.slowest) Object.assign(found, { slowest: milliseconds, slowestCase: i });
  }
  return found;
}

export function expectSound(family: string, found: Found): void {
  const { untyped, slowest: time, slowestCase, cases, refused, before } = found;
  const most = process.resourceUsage().maxRSS * 1024;
  const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
  console.log(
    `${family}: ${cases} cases, ${refused} refused, ${untyped.length} untyped; slowest ${Math.round(time)} ms of processor time ` +
      `(${caseOf(slowestCase)}); the process had ${megabytes(most)} MB at most, ${megabytes(most - before)} more than before`,
  );
  expect(untyped.slice(0, 5)).toEqual([]);
  expect(time).toBeLessThan(slowest);
  expect((most - before) / 2 ** 20).toBeLessThan(mostMegabytes);
  expect(refused).toBeGreaterThan(0);
}
