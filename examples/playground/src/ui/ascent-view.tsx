import {
  ascent,
  climb,
  climbedFor,
  frames,
  goalName,
  grows,
  type Override,
  overrides,
  type Preset,
  preset,
  shownFrame,
  start,
  stopClimbing,
} from "../state/ascent";
import { fileStem, save } from "../state/downloads";
import { engine } from "../state/engine";
import { ready, target } from "../state/question";
import type { AscentFrame } from "../worker/protocol";
import { PictureCanvas } from "./picture";
import { Busy, Empty, Problem } from "./status";

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Gradient ascent: a picture that the answer or unit would like best. */
export function AscentView() {
  const task = ascent.value;
  const all = frames.value;
  const running = task.status === "running";
  // Where motion is unwelcome, the picture changes when it is done or when the slider is moved.
  const latest = running && calm.matches ? all[0] : all.at(-1);
  const chosen = shownFrame.value === undefined ? undefined : all[shownFrame.value];
  const frame = chosen ?? latest;
  return (
    <div class="ascent">
      <p class="says">
        What would <strong>{goalName()}</strong> like best? A picture is changed step by step to where the score grows:
        it shows what this part of the network looks for, not anything that it saw.
      </p>
      <Controls running={running} />
      {running && <Busy what="Climbing" progress={task.progress} onStop={stopClimbing} />}
      {task.status === "failed" && <Problem title="The ascent failed">{task.message}</Problem>}
      {task.status === "stopped" && <Empty>Stopped. The steps so far stay and can be looked at.</Empty>}
      {!frame && !running && <Empty>Press Start and watch the picture grow.</Empty>}
      {frame && (
        <div class="stage">
          <figure>
            <PictureCanvas
              picture={frame.picture}
              pixelated={frame.picture.width < 64}
              label={`After ${frame.step} steps, for ${climbedFor.value}`}
            />
            <figcaption>
              Step {frame.step}, objective {frame.objective.toPrecision(4)}
            </figcaption>
          </figure>
          <div class="climb">
            <Objective frames={all} at={frame} />
            <label>
              Step
              <input
                type="range"
                min="0"
                max={Math.max(0, all.length - 1)}
                disabled={running}
                value={shownFrame.value ?? all.length - 1}
                aria-valuetext={`step ${frame.step}`}
                onInput={({ currentTarget }) => {
                  shownFrame.value = currentTarget.valueAsNumber;
                }}
              />
            </label>
            <div class="row">
              <button
                type="button"
                onClick={() =>
                  void save(`${fileStem(stem(), String(frame.step))}.png`, () => engine.savePicture(frame.picture))
                }
              >
                Save picture (PNG)
              </button>
              {task.status === "done" && (
                <>
                  <button
                    type="button"
                    onClick={() => void save(`${fileStem(stem())}.npy`, () => engine.saveValues(task.value.id))}
                  >
                    Save values (.npy)
                  </button>
                  <span class="facts">
                    {task.value.steps} steps in {(task.value.milliseconds / 1000).toFixed(1)} s
                  </span>
                </>
              )}
            </div>
          </div>
        </div>
      )}
    </div>
  );
}

const stem = (): string => `ascent ${climbedFor.value ?? ""}`;

function Controls({ running }: { readonly running: boolean }) {
  const asked = target.value;
  return (
    <>
      <div class="controls">
        <label>
          Way
          <select
            value={preset.value}
            onChange={({ currentTarget }) => {
              preset.value = currentTarget.value as Preset;
            }}
          >
            <option value="lucid">feature visualization (Lucid)</option>
            <option value="plain">plain gradient ascent</option>
          </select>
        </label>
        {typeof asked === "object" && "layer" in asked && (
          <label>
            What grows
            <select
              value={grows.value}
              onChange={({ currentTarget }) => {
                grows.value = currentTarget.value as typeof grows.value;
              }}
            >
              <option value="mean">the unit everywhere (channel)</option>
              <option value="max">the unit where it is strongest</option>
              <option value="layer">the whole layer (DeepDream)</option>
            </select>
          </label>
        )}
        <label>
          Start from
          <select
            value={start.value ?? ""}
            onChange={({ currentTarget }) => {
              start.value = (currentTarget.value || undefined) as typeof start.value;
            }}
          >
            <option value="">{preset.value === "lucid" ? "noise (default)" : "an empty picture (default)"}</option>
            <option value={preset.value === "lucid" ? "zero" : "noise"}>
              {preset.value === "lucid" ? "an empty picture" : "noise"}
            </option>
            <option value="image">the shown picture</option>
          </select>
        </label>
        {!running && (
          <button type="button" class="primary" disabled={!ready.value} onClick={() => void climb()}>
            {frames.value.length > 0 ? "Start again" : "Start"}
          </button>
        )}
      </div>
      <details>
        <summary class="facts">More options; empty fields are as the way above says</summary>
        <div class="controls more">
          <NumberField label="Steps" field="steps" min={1} step={1} />
          <NumberField label="Step size" field="stepSize" min={0.001} step="any" />
          <NumberField label="L2 penalty" field="l2" min={0} step="any" />
          <NumberField label="Total variation penalty" field="totalVariation" min={0} step="any" />
        </div>
      </details>
    </>
  );
}

interface NumberProps {
  readonly label: string;
  readonly field: Override;
  readonly min: number;
  readonly step: number | "any";
}

function NumberField({ label, field, min, step }: NumberProps) {
  return (
    <label>
      {label}
      <input
        type="number"
        min={min}
        step={step}
        placeholder="default"
        value={overrides.value[field] ?? ""}
        onChange={({ currentTarget }) => {
          const number = currentTarget.valueAsNumber;
          overrides.value = { ...overrides.value, [field]: Number.isNaN(number) ? undefined : number };
        }}
      />
    </label>
  );
}

const [chartWidth, chartHeight] = [300, 90];

/** The objective over the steps. */
function Objective({ frames: all, at }: { readonly frames: readonly AscentFrame[]; readonly at: AscentFrame }) {
  const values = all.map(({ objective }) => objective);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const last = all.at(-1)?.step || 1;
  const x = (step: number): number => (step / last) * chartWidth;
  const y = (value: number): number => chartHeight - ((value - low) / (high - low || 1)) * chartHeight;
  return (
    <figure class="chart">
      <svg
        viewBox={`-4 -4 ${chartWidth + 8} ${chartHeight + 8}`}
        role="img"
        aria-label={`Objective from ${values[0]?.toPrecision(3)} to ${values.at(-1)?.toPrecision(3)}`}
      >
        <polyline points={all.map(({ step, objective }) => `${x(step)},${y(objective)}`).join(" ")} />
        <circle cx={x(at.step)} cy={y(at.objective)} r="4" />
      </svg>
      <figcaption>
        Objective (score minus penalty): {low.toPrecision(3)} to {high.toPrecision(3)}
      </figcaption>
    </figure>
  );
}
