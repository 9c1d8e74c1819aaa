import { effect, signal, untracked } from "@preact/signals";
import { proxy } from "comlink";
import type { AscentFrame, AscentRequest, AscentResult } from "../worker/protocol";
import { engine } from "./engine";
import { network } from "./network";
import { readyNetwork, target, targetName, topClass } from "./question";
import { createRunner } from "./task";

export type Preset = NonNullable<AscentRequest["preset"]>;

export const preset = signal<Preset>("lucid");

/** What is set by hand; what is not is as the preset says. */
export type Override = "steps" | "stepSize" | "l2" | "totalVariation";
export const overrides = signal<Partial<Record<Override, number>>>({});
export const start = signal<AscentRequest["start"]>(undefined);
/** What of a unit is to grow. */
export const grows = signal<"mean" | "max" | "layer">("mean");

/** Frames so far, oldest first. */
export const frames = signal<readonly AscentFrame[]>([]);
/** The frame that is shown; undefined: the latest. */
export const shownFrame = signal<number | undefined>(undefined);
/** What the frames were made for, in words. */
export const climbedFor = signal<string | undefined>(undefined);

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
  climbedFor.value = goalName();
  await runner.start((job, onProgress) =>
    engine.ascend(
      job,
      { ...overrides.value, target: goal(), preset: preset.value, start: start.value },
      proxy((frame: AscentFrame) => {
        if (climbs !== climbing) return;
        const kept = frames.value.length < mostFrames ? frames.value : frames.value.filter((_, i) => i % 2 === 0);
        frames.value = [...kept, frame];
        if (frame.total !== undefined) onProgress(frame.step, frame.total);
      }),
    ),
  );
}

/** The question of the page as something that can grow. */
function goal(): AscentRequest["target"] {
  const asked = target.value;
  // Without a picture there is no best class.
  if (asked === "top") return topClass.value ?? 0;
  if (typeof asked !== "object" || !("layer" in asked)) return asked;
  if (grows.value === "layer") return { layer: asked.layer };
  return { layer: asked.layer, unit: asked.unit, position: grows.value };
}

export function goalName(): string {
  const asked = target.value;
  const wholeLayer = typeof asked === "object" && "layer" in asked && grows.value === "layer";
  return wholeLayer ? `layer ${asked.layer}` : targetName(asked);
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
