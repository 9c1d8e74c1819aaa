import type { MethodName, Placement } from "seethrough";
import { offered } from "../state/catalogue";
import { fileStem, save, saveJson } from "../state/downloads";
import { engine } from "../state/engine";
import {
  byHand,
  drawing,
  explanation,
  layer,
  look,
  method,
  patch,
  request,
  run,
  type Shown,
  steps,
  stopExplaining,
  waiting,
} from "../state/explanation";
import { methodCard } from "../state/methods";
import { network } from "../state/network";
import { picture, type ShownPicture } from "../state/picture";
import { ready, target, targetName } from "../state/question";
import { latest } from "../state/task";
import { ClickableBoxes, ExplainedBox } from "./boxes";
import { LookControls } from "./look-controls";
import { PictureCanvas } from "./picture";
import { Busy, Notes, Problem } from "./status";

/** One method on one answer. */
export function ExplainView() {
  const task = explanation.value;
  const shown = picture.value.status === "failed" ? undefined : latest(picture.value);
  const result = latest(task);
  const card = methodCard(method.value);
  return (
    <div class="explain">
      <Controls />
      <p class="says">{card.says}</p>
      <div class="stage">
        <figure>
          {shown ? <SeenPicture shown={shown} seen={result?.placement} /> : <div class="blank">No picture yet</div>}
        </figure>
        <Evidence result={result} />
      </div>
      {task.status === "failed" && <Problem title={`${card.name} cannot explain this`}>{task.message}</Problem>}
      {result && task.status !== "stopped" && <ResultFacts result={result} />}
      <LookControls />
      {result && <Notes notes={result.notes.filter(({ code }) => !(isOfBox(result) && code === "detector-output"))} />}
    </div>
  );
}

/** Of a box nobody needs to be told that the network finds some. */
const isOfBox = ({ question }: Shown): boolean => typeof question === "object" && "detection" in question;

/** The picture, with the part that the network sees where it is cropped. */
function SeenPicture({ shown, seen }: { readonly shown: ShownPicture; readonly seen?: Placement }) {
  // A result of the picture before this one says nothing about it.
  const own = seen?.picture.width === shown.width && seen.picture.height === shown.height ? seen : undefined;
  const { x, y, width, height } = own?.region ?? { x: 0, y: 0, width: shown.width, height: shown.height };
  const cropped = width < shown.width - 1 || height < shown.height - 1;
  const percent = (share: number): string => `${share * 100}%`;
  return (
    <>
      <div class="seen">
        <PictureCanvas picture={shown.picture} label={`Picture: ${shown.name}`} />
        <ClickableBoxes size={shown} />
        {cropped && (
          <span
            class="frame"
            aria-hidden="true"
            style={{
              width: percent(width / shown.width),
              height: percent(height / shown.height),
              left: percent(x / shown.width),
              top: percent(y / shown.height),
            }}
          />
        )}
      </div>
      <figcaption>
        <span>{shown.name}</span>
        {cropped && <span class="facts">The network sees the part in the frame.</span>}
      </figcaption>
    </>
  );
}

function Evidence({ result }: { readonly result: Shown | undefined }) {
  const task = explanation.value;
  const drawn = drawing.value;
  const card = methodCard(method.value);
  if (!result || !drawn || task.status === "stopped") {
    return (
      <figure class="evidence">
        <div class="blank">
          {task.status === "running" && <Running />}
          {task.status === "stopped" && <p>Stopped before it was done. Half of the passes would mislead.</p>}
          {ready.value && waiting.value && task.status !== "running" && (
            <button type="button" class="primary" onClick={() => void run()}>
              Run {card.name}
            </button>
          )}
          {!ready.value && <span>The evidence appears here once there is a network and a picture.</span>}
          {result && !result.places && <span>These values have no places in the picture; they can be saved.</span>}
        </div>
        <figcaption>What spoke for {targetName(target.value)}</figcaption>
      </figure>
    );
  }
  const where = result.layer ? ` at ${result.layer}` : "";
  const box =
    typeof result.question === "object" && "detection" in result.question ? result.question.detection : undefined;
  const title = `${methodCard(result.method).name} for ${targetName(result.question)}${where}`;
  return (
    <figure class="evidence" aria-busy={task.status === "running"}>
      <div class="seen">
        <PictureCanvas picture={drawn.overlay} label={`Overlay: ${title}`} />
        {box && result.placement && <ExplainedBox box={box} size={result.placement.picture} />}
      </div>
      {task.status === "running" && card.slow && <Running />}
      <figcaption aria-live="polite">
        <span>{title}</span>
        <Legend signed={result.signed} />
        <Meaning result={result} />
      </figcaption>
    </figure>
  );
}

/** What the colours say, in words; of other colours than the library's own, what high and low values say. */
function Meaning({ result }: { readonly result: Shown }) {
  const { high, low } = methodCard(result.method);
  if (high === "") return null;
  const values = result.signed ? ["Above zero", "below zero"] : ["High", "low"];
  const [one, other] = look.value.colormap === "auto" ? ["Red", "blue"] : values;
  const said = (text: string): string => text.replaceAll("{target}", () => targetName(result.question));
  return (
    <span class="meaning">
      {one}: {said(high)}; {other}: {said(low)}.
    </span>
  );
}

/** Progress of a method that needs many passes. */
function Running() {
  const task = explanation.value;
  if (task.status !== "running") return null;
  return <Busy what={methodCard(method.value).name} progress={task.progress} onStop={stopExplaining} />;
}

function Legend({ signed }: { readonly signed: boolean }) {
  const drawn = drawing.value;
  if (!drawn) return null;
  const [low, high] = signed ? ["against", "for"] : ["little", "much"];
  return (
    <span class="legend">
      {low}
      <PictureCanvas picture={drawn.legend} label={`Colours from ${low} to ${high}`} />
      {high}
    </span>
  );
}

function Controls() {
  const task = explanation.value;
  const card = methodCard(method.value);
  const info = latest(network.value);
  return (
    <div class="controls">
      <label>
        Method
        <select
          value={method.value}
          onChange={({ currentTarget }) => {
            method.value = currentTarget.value as MethodName;
            layer.value = "";
          }}
        >
          {(offered.value?.methods ?? [card]).map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {card.layer && info && (
        <label>
          Layer
          <select
            value={request.value.layer ?? ""}
            onChange={({ currentTarget }) => {
              layer.value = currentTarget.value;
            }}
          >
            <option value="">
              {card.layer === "map"
                ? `suggested${info.camLayers[0] ? ` (${info.camLayers[0]})` : ""}`
                : "input (pixels)"}
            </option>
            {info.layers
              .filter(({ maps }) => maps)
              .map(({ name, shape }) => (
                <option key={name} value={name}>
                  {name} ({shape[1]}×{shape[2]})
                </option>
              ))}
          </select>
        </label>
      )}
      {method.value === "integrated-gradients" && (
        <label>
          Steps
          <input
            type="number"
            min="1"
            max="500"
            value={steps.value}
            onChange={({ currentTarget }) => {
              steps.value = currentTarget.valueAsNumber;
            }}
          />
        </label>
      )}
      {method.value === "occlusion" && (
        <label>
          <span>
            Patch{" "}
            <span class="value">
              {request.value.window}×{request.value.window}
            </span>
          </span>
          <input
            type="range"
            min="4"
            max="50"
            value={patch.value}
            onInput={({ currentTarget }) => {
              patch.value = currentTarget.valueAsNumber;
            }}
          />
        </label>
      )}
      {byHand.value && task.status !== "running" && (
        <button type="button" class="primary" disabled={!ready.value} onClick={() => void run()}>
          {task.status === "done" && !waiting.value ? "Run again" : "Run"}
        </button>
      )}
    </div>
  );
}

function ResultFacts({ result }: { readonly result: Shown }) {
  const stem = fileStem(picture.value.status === "done" ? picture.value.value.name : "picture", result.method);
  return (
    <div class="result-facts">
      <p class="facts">
        score {result.target.score.toFixed(3)} · values {result.shape.join("×")} · {Math.round(result.milliseconds)} ms
        {result.convergenceDelta !== undefined && <> · completeness error {result.convergenceDelta.toPrecision(2)}</>}
      </p>
      <div class="row">
        {result.places && (
          <button
            type="button"
            onClick={() => void save(`${stem}.png`, () => engine.saveOverlay(result.id, look.value))}
          >
            Save overlay (PNG)
          </button>
        )}
        <button type="button" onClick={() => void save(`${stem}.npy`, () => engine.saveValues(result.id))}>
          Save values (.npy)
        </button>
        <button type="button" class="quiet" onClick={() => saveJson(`${stem}.json`, result.recipe)}>
          Save recipe (JSON)
        </button>
      </div>
    </div>
  );
}
