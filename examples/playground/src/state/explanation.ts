import { computed, effect, signal, untracked } from "@preact/signals";
import { proxy } from "comlink";
import type { MethodName } from "seethrough";
import type { AskedTarget, ExplainRequest, Explanation, Look, Picture } from "../worker/protocol";
import { engine } from "./engine";
import { methodCard } from "./methods";
import { answers, askable, occasion, ready, readyNetwork, target, topClass } from "./question";
import { createRunner } from "./task";

export const method = signal<MethodName>("occlusion");
/** "": the library's suggestion, or the input. */
export const layer = signal("");
export const steps = signal(50);
/** Patch side and step as shares of the input's shorter side, in percent. */
export const patch = signal(15);

/** An explanation with the question it answers. */
export interface Shown extends Explanation {
  readonly question: AskedTarget;
}

/** Quick methods follow every change; slow ones wait for the button. */
const runner = createRunner<Shown>({ keepLast: true });
export const explanation = runner.state;
export const stopExplaining = runner.stop;

export const request = computed((): ExplainRequest => {
  const card = methodCard(method.value);
  const info = readyNetwork();
  const shape = info?.inputShape ?? [1, 1, 1, 1];
  // A layer that was chosen for another network means nothing here.
  const known = info?.layers.some(({ name }) => name === layer.value);
  const window = Math.max(1, Math.round((patch.value / 100) * Math.min(shape[1], shape[2])));
  return {
    method: method.value,
    target: target.value,
    ...(card.layer && known && { layer: layer.value }),
    ...(method.value === "integrated-gradients" && { nSteps: steps.value }),
    ...(method.value === "occlusion" && { window, stride: Math.max(1, Math.ceil(window / 2)) }),
  };
});

/** Multiply–accumulates from which on occlusion waits for the button: a second or two. */
const muchWork = 3e10;

/** Slow methods are started by hand; occlusion with few patches of a small network is none. */
export const byHand = computed((): boolean => {
  const { method: name, window, stride } = request.value;
  if (!methodCard(name).slow) return false;
  const info = readyNetwork();
  if (name !== "occlusion" || !info || !window || !stride) return true;
  const [, height, width] = info.inputShape;
  const patches = (Math.ceil(height / stride) + 1) * (Math.ceil(width / stride) + 1);
  return patches * info.macs > muchWork;
});

/** The request whose result is shown, or is being computed. */
const asked = signal<ExplainRequest | undefined>(undefined);
/** Something was changed since, and waits for the button. */
export const waiting = computed(() => asked.value !== request.value);

export async function run(): Promise<void> {
  if (!ready.value || !askable.value) return;
  const wish = request.value;
  asked.value = wish;
  await runner.start(async (job, onProgress) => {
    const question = wish.target === "top" ? (topClass.value ?? "top") : wish.target;
    return { ...(await engine.explain(job, wish, proxy(onProgress))), question };
  });
}

effect(() => {
  void [request.value, occasion.value];
  // The answers come first: the mask of a class is made from them. Until then the last result stays, greyed out.
  const answering = answers.value.status;
  const possible = ready.value && askable.value;
  untracked(() => {
    if (possible && answering === "running") return;
    if (possible && answering === "done" && !byHand.value) void run();
    else {
      runner.reset();
      asked.value = undefined;
    }
  });
});

export const look = signal<Look>({ colormap: "auto", opacity: 0.75, smooth: 0.02 });

export interface Drawing {
  readonly id: number;
  readonly overlay: Picture;
  readonly legend: Picture;
}

export const drawing = signal<Drawing | undefined>(undefined);

/** Draws again when the result or the look changes; while one drawing is made, only the latest wish is kept. */
let drawn = Promise.resolve();
effect(() => {
  const [task, wish] = [explanation.value, look.value];
  if (task.status === "idle" || task.status === "failed") drawing.value = undefined;
  if (task.status !== "done" || !task.value.places) return;
  const { id } = task.value;
  drawn = drawn.then(async () => {
    if (untracked(() => look.value !== wish || explanation.value !== task)) return;
    // A result that was dropped meanwhile belongs to an earlier picture; its successor is on the way.
    const made = await engine.draw(id, wish).catch(() => undefined);
    if (made) drawing.value = { id, ...made };
  });
});
