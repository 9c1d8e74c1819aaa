import { useEffect, useRef } from "preact/hooks";
import { fileStem, save } from "../state/downloads";
import { engine } from "../state/engine";
import { keep, openUnit, projected, rule } from "../state/layers";
import { target } from "../state/question";
import { latest } from "../state/task";
import { openTab } from "../state/view";
import type { ProjectedUnit } from "../worker/protocol";
import { bringUp } from "./bring-up";
import { PictureCanvas } from "./picture";
import { Busy, Empty, Notes, Problem } from "./status";

interface Props {
  readonly layer: string;
  readonly unit: number;
}

/** One unit: where it responded, and the pixels that made it, by deconvnet. */
export function UnitPanel({ layer, unit }: Props) {
  const task = projected.value;
  const value = latest(task);
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // Below a long grid of units the panel is brought up; beside it, it is in view already.
    const below = matchMedia("(max-width: 1250px)").matches;
    bringUp(title.current, below ? "start" : "nearest");
  }, [layer, unit]);
  const aim = (tab: "explain" | "ascent"): void => {
    target.value = { layer, unit };
    openTab.value = tab;
  };
  return (
    <section class="unit-panel" aria-labelledby="unit-title" aria-busy={task.status === "running"}>
      <div class="row spread">
        <h3 id="unit-title" ref={title}>
          Unit {unit} of {layer}
        </h3>
        <button
          type="button"
          class="quiet"
          onClick={() => {
            openUnit.value = undefined;
          }}
        >
          Close
        </button>
      </div>
      <div class="controls">
        <label>
          Activations to project
          <select
            value={String(keep.value)}
            onChange={({ currentTarget }) => {
              keep.value = Number(currentTarget.value);
            }}
          >
            <option value="1">the strongest</option>
            <option value="4">the 4 strongest</option>
            <option value="9">the 9 strongest</option>
            <option value="1000000">all positive ones</option>
          </select>
        </label>
        <label>
          Rectifiers send back
          <select
            value={rule.value}
            onChange={({ currentTarget }) => {
              rule.value = currentTarget.value as typeof rule.value;
            }}
          >
            <option value="deconvnet">positive signal (deconvnet)</option>
            <option value="guided">positive signal where active (guided)</option>
            <option value="gradient">signal where active (gradient)</option>
          </select>
        </label>
      </div>
      {task.status === "failed" && <Problem title="This unit cannot be projected">{task.message}</Problem>}
      {!value && task.status === "running" && <Busy what="Projecting" />}
      {value && <Projected value={value} />}
      {value && (
        <div class="row">
          <button
            type="button"
            onClick={() =>
              void save(`${fileStem(layer, String(unit))}.png`, () => engine.savePicture(value.projection))
            }
          >
            Save projection (PNG)
          </button>
          <button
            type="button"
            onClick={() => void save(`${fileStem(layer, String(unit))}.npy`, () => engine.saveValues(value.id))}
          >
            Save values (.npy)
          </button>
          <button type="button" class="quiet" onClick={() => aim("explain")}>
            Explain this unit
          </button>
          <button type="button" class="quiet" onClick={() => aim("ascent")}>
            What would it like best?
          </button>
        </div>
      )}
      {value && <Notes notes={value.notes} />}
    </section>
  );
}

function Projected({ value }: { readonly value: ProjectedUnit }) {
  if (value.kept.length === 0)
    return <Empty>This unit is not active anywhere in this picture, so there is nothing to project.</Empty>;
  const stages = value.trace.flatMap(({ picture, ...stage }) => (picture ? [{ ...stage, picture }] : []));
  return (
    <>
      <div class="unit-pictures">
        {value.map && (
          <figure>
            <PictureCanvas picture={value.map} label="Feature map" pixelated />
            <figcaption>Where it responded</figcaption>
          </figure>
        )}
        <figure>
          <PictureCanvas picture={value.projection} label="Deconvnet projection in the input" pixelated />
          <figcaption>The pixels that drove it, around grey</figcaption>
        </figure>
        {value.detail && (
          <>
            <figure>
              <PictureCanvas picture={value.detail.projection} label="Projection, enlarged" pixelated />
              <figcaption>The same, enlarged</figcaption>
            </figure>
            <figure>
              <PictureCanvas picture={value.detail.input} label="That part of the picture" pixelated />
              <figcaption>That part of the picture</figcaption>
            </figure>
          </>
        )}
      </div>
      <details class="trace">
        <summary>The way down, stage by stage ({stages.length})</summary>
        <ol class="unit-grid">
          {stages.map(({ layer, op, picture }) => (
            <li key={layer}>
              <PictureCanvas picture={picture} label={`Signal at ${layer}`} pixelated />
              <span class="unit-facts">
                <span>{layer}</span>
                <span>{op}</span>
              </span>
            </li>
          ))}
        </ol>
      </details>
    </>
  );
}
