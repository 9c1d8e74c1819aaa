import { effect, signal, untracked } from "@preact/signals";
import { proxy } from "comlink";
import type { AscentFrame, AscentResult, AskedTarget } from "../worker/protocol";
import { engine } from "./engine";
import { network } from "./network";
import { readyNetwork, target, topClass } from "./question";
import { createRunner } from "./task";

export const ascentSteps = signal(128);
export const stepSize = signal(1);
export const l2 = signal(0.01);
export const start = signal<"zero" | "noise" | "image">("zero");

/** Frames so far, oldest first. */
export const frames = signal<readonly AscentFrame[]>([]);
/** The frame that is shown; undefined: the latest. */
export const shownFrame = signal<number | undefined>(undefined);
/** What the frames were made for. */
export const climbedFor = signal<AskedTarget | undefined>(undefined);

const runner = createRunner<AscentResult>();
export const ascent = runner.state;
export const stopClimbing = runner.stop;

let climbs = 0;

/** Every frame is kept up to so many; then every other one is dropped, so that long climbs stay small. */
const mostFrames = 96;

export async function climb(): Promise<void> {
  if (!readyNetwork()) return;
  climbs += 1;
  const climbing = climbs;
  frames.value = [];
  shownFrame.value = undefined;
  const asked: AskedTarget = target.value === "top" ? (topClass.value ?? 0) : target.value;
  climbedFor.value = asked;
  const request = {
    target: asked,
    steps: ascentSteps.value,
    stepSize: stepSize.value,
    l2: l2.value,
    start: start.value,
  };
  await runner.start((job, onProgress) =>
    engine.ascend(
      job,
      request,
      proxy((frame: AscentFrame) => {
        if (climbs !== climbing) return;
        const kept = frames.value.length < mostFrames ? frames.value : frames.value.filter((_, i) => i % 2 === 0);
        frames.value = [...kept, frame];
        onProgress(frame.step, request.steps);
      }),
    ),
  );
}

effect(() => {
  network.value;
  untracked(() => {
    climbs += 1;
    runner.reset();
    frames.value = [];
    climbedFor.value = undefined;
  });
});
