import { EventEmitter } from "node:events";
import type { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { judgeOf } from "../../src/cli/evaluate-threads";

/** A thread that does nothing by itself. */
class Still extends EventEmitter {
  readonly asked: unknown[] = [];
  postMessage(message: unknown): void {
    this.asked.push(message);
  }
}

const image = { path: "a.png", bytes: [] };
const watch = { signal: new AbortController().signal, onMap: () => {} };

it("a judge whose thread has ended refuses its image and every one after it", async () => {
  const worker = new Still();
  const judge = judgeOf(worker as unknown as Worker);
  const first = judge(image, watch);
  worker.emit("exit", 1);
  await expect(first).rejects.toThrow("A worker ended before its image was judged.");
  await expect(judge(image, watch)).rejects.toThrow("A worker ended before its image was judged.");
  expect(worker.asked).toHaveLength(1);
});

it("a judge hears of one image at a time, and leaves no listener behind", async () => {
  const worker = new Still();
  const judge = judgeOf(worker as unknown as Worker);
  const listening = (): number =>
    ["message", "error", "exit"].reduce((total, name) => total + worker.listenerCount(name), 0);
  const before = listening();
  const broken = judge(image, watch);
  worker.emit("error", new RangeError("broken"));
  await expect(broken).rejects.toThrow("broken");
  const found = judge(image, watch);
  worker.emit("message", { kind: "record", record: { image: "a.png" } });
  expect(await found).toEqual({ image: "a.png" });
  expect(listening()).toBe(before);
});
