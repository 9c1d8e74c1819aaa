import { effect, signal, untracked } from "@preact/signals";
import { proxy } from "comlink";
import type { MethodName } from "seethrough";
import type { Explanation, Picture } from "../worker/protocol";
import { catalogue, engine } from "./engine";
import { look } from "./explanation";
import { isUsual } from "./methods";
import { occasion, ready, readyNetwork, target } from "./question";
import { createRunner, messageOf, type Progress } from "./task";

export type Entry =
  | { readonly status: "waiting" }
  | { readonly status: "running"; readonly progress?: Progress }
  | { readonly status: "done"; readonly explanation: Explanation; readonly overlay?: Picture }
  | { readonly status: "failed"; readonly message: string };

export const chosen = signal<ReadonlySet<MethodName>>(new Set());
export const entries = signal<ReadonlyMap<MethodName, Entry>>(new Map());

const runner = createRunner<true>();
export const comparison = runner.state;
export const stopComparing = runner.stop;

/** Multiply–accumulates from which on slow methods are not ticked beforehand. */
const muchWork = 3e8;

effect(() => {
  occasion.value;
  if (!ready.value) return;
  untracked(() => {
    forget();
    void preselect();
  });
});

effect(() => {
  target.value;
  untracked(forget);
});

function forget(): void {
  rounds += 1;
  runner.reset();
  entries.value = new Map();
}

async function preselect(): Promise<void> {
  if (chosen.value.size > 0) return;
  const { methods } = await catalogue;
  const heavy = (readyNetwork()?.macs ?? 0) > muchWork;
  chosen.value = new Set(methods.flatMap(({ id, slow }) => (isUsual(id) && !(heavy && slow) ? id : [])));
}

export function toggle(method: MethodName, on: boolean): void {
  const next = new Set(chosen.value);
  if (on) next.add(method);
  else next.delete(method);
  chosen.value = next;
}

const put = (method: MethodName, entry: Entry): void => {
  entries.value = new Map(entries.value).set(method, entry);
};

/** Counts comparisons, so that a late answer of an earlier one is told apart. */
let rounds = 0;

/** One method after the other; what a network's structure rules out says so in its place. */
export async function compare(): Promise<void> {
  rounds += 1;
  const round = rounds;
  const write = (method: MethodName, entry: Entry): void => {
    if (round === rounds) put(method, entry);
  };
  const { methods } = await catalogue;
  const wanted = methods.flatMap(({ id }) => (chosen.value.has(id) ? id : []));
  const asked = target.value;
  entries.value = new Map(wanted.map((method) => [method, { status: "waiting" }]));
  await runner.start(async (job, onProgress) => {
    for (const [index, method] of wanted.entries()) {
      write(method, { status: "running" });
      onProgress(index, wanted.length);
      try {
        const explanation = await engine.explain(
          job,
          { method, target: asked },
          proxy((done: number, total: number) => {
            if (comparison.value.status === "running") write(method, { status: "running", progress: { done, total } });
          }),
        );
        const overlay = explanation.places ? (await engine.draw(explanation.id, look.value)).overlay : undefined;
        write(method, { status: "done", explanation, overlay });
      } catch (error) {
        if (round !== rounds || (error instanceof Error && error.name === "AbortError")) {
          if (round !== rounds) throw error;
          entries.value = new Map(
            [...entries.value].filter(([, { status }]) => status === "done" || status === "failed"),
          );
          throw error;
        }
        write(method, { status: "failed", message: messageOf(error) });
      }
    }
    return true;
  });
}

/** Other colours: all overlays are drawn again, from the values that are there. */
effect(() => {
  const wish = look.value;
  untracked(() => {
    for (const [method, entry] of entries.value) {
      if (entry.status !== "done" || !entry.overlay) continue;
      void engine
        .draw(entry.explanation.id, wish)
        .then(({ overlay }) => {
          const now = entries.value.get(method);
          if (look.value === wish && now?.status === "done" && now.explanation === entry.explanation)
            put(method, { ...now, overlay });
        })
        .catch(() => {});
    }
  });
});
