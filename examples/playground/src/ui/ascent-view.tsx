import {
  ascent,
  ascentSteps,
  climb,
  climbedFor,
  frames,
  l2,
  shownFrame,
  start,
  stepSize,
  stopClimbing,
} from "../state/ascent";
import { fileStem, save } from "../state/downloads";
import { engine } from "../state/engine";
import { ready, target, targetName } from "../state/question";
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
        What would <strong>{targetName(target.value)}</strong> like best? Starting from an empty picture, every pixel is
        moved step by step to where the score grows.
      </p>
      <Controls running={running} />
      {running && <Busy what="Climbing" progress={task.progress} onStop={stopClimbing} />}
      {task.status === "failed" && <Problem title="The ascent failed">{task.message}</Problem>}
      {task.status === "stopped" && <Empty>Stopped. The steps so far stay and can be looked at.</Empty>}
      {!frame && !running && <Empty>Press Start to watch the picture grow.</Empty>}
      {frame && (
        <div class="stage">
          <figure>
            <PictureCanvas
              picture={frame.picture}
              pixelated={frame.picture.width < 160}
              label={`After ${frame.step} steps, for ${targetName(climbedFor.value ?? target.value)}`}
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
            {task.status === "done" && (
              <div class="row">
                <button
                  type="button"
                  onClick={() => void save(`${fileStem(stem())}.png`, () => engine.saveImage(task.value.id))}
                >
                  Save picture (PNG)
                </button>
                <button
                  type="button"
                  onClick={() => void save(`${fileStem(stem())}.npy`, () => engine.saveValues(task.value.id))}
                >
                  Save values (.npy)
                </button>
                <span class="facts">
                  {task.value.steps} steps in {(task.value.milliseconds / 1000).toFixed(1)} s
                </span>
              </div>
            )}
          </div>
        </div>
      )}
    </div>
  );
}

const stem = (): string => `ascent ${targetName(climbedFor.value ?? target.value)}`;

function Controls({ running }: { readonly running: boolean }) {
  return (
    <div class="controls">
      <label>
        Start from
        <select
          value={start.value}
          onChange={({ currentTarget }) => {
            start.value = currentTarget.value as typeof start.value;
          }}
        >
          <option value="zero">an empty picture</option>
          <option value="noise">noise</option>
          <option value="image">the shown picture</option>
        </select>
      </label>
      <NumberField label="Steps" field={ascentSteps} min={1} step={1} />
      <NumberField label="Step size" field={stepSize} min={0.001} step={0.1} />
      <NumberField label="Penalty (L2)" field={l2} min={0} step={0.005} />
      {!running && (
        <button type="button" class="primary" disabled={!ready.value} onClick={() => void climb()}>
          Start
        </button>
      )}
    </div>
  );
}

interface NumberProps {
  readonly label: string;
  readonly field: { value: number };
  readonly min: number;
  readonly step: number;
}

function NumberField({ label, field, min, step }: NumberProps) {
  return (
    <label>
      {label}
      <input
        type="number"
        min={min}
        step={step}
        value={field.value}
        onChange={({ currentTarget }) => {
          field.value = currentTarget.valueAsNumber;
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
