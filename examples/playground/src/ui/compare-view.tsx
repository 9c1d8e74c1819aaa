import { offered } from "../state/catalogue";
import { chosen, compare, comparison, type Entry, entries, stopComparing, toggle } from "../state/comparison";
import { fileStem, save } from "../state/downloads";
import { engine } from "../state/engine";
import { look } from "../state/explanation";
import { methodCard } from "../state/methods";
import { picture } from "../state/picture";
import { ready, target, targetName } from "../state/question";
import { latest } from "../state/task";
import { LookControls } from "./look-controls";
import { PictureCanvas } from "./picture";
import { Busy, Empty, Problem } from "./status";

/** Several methods on the same answer, side by side. */
export function CompareView() {
  const task = comparison.value;
  const shown = latest(picture.value);
  const done = [...entries.value].flatMap(([method, entry]) =>
    entry.status === "done" && entry.overlay ? [{ id: entry.explanation.id, name: methodCard(method).name }] : [],
  );
  return (
    <div class="compare">
      <p class="says">The same question to several methods. Where they agree, trust the evidence more.</p>
      <fieldset class="checks">
        <legend>
          Methods, asked about <strong>{targetName(target.value)}</strong>
        </legend>
        {offered.value?.methods.map(({ id, name }) => (
          <label key={id}>
            <input
              type="checkbox"
              checked={chosen.value.has(id)}
              onChange={({ currentTarget }) => toggle(id, currentTarget.checked)}
            />
            {name}
          </label>
        ))}
      </fieldset>
      <div class="row">
        <button
          type="button"
          class="primary"
          disabled={!ready.value || chosen.value.size === 0 || task.status === "running"}
          onClick={() => void compare()}
        >
          Compare
        </button>
        {done.length > 0 && task.status !== "running" && (
          <button
            type="button"
            onClick={() =>
              void save(`${fileStem(shown?.name ?? "picture", "methods")}.png`, () =>
                engine.saveComparison(done, look.value),
              )
            }
          >
            Save all (PNG)
          </button>
        )}
      </div>
      {task.status === "running" && <Busy what="Comparing" progress={task.progress} onStop={stopComparing} />}
      {task.status === "stopped" && <Empty>Stopped. What was done before stays.</Empty>}
      {entries.value.size === 0 ? (
        <Empty>
          Tick methods and press Compare: each draws what spoke for the same answer, so that you see where they agree.
        </Empty>
      ) : (
        <>
          <div class="grid">
            {shown && (
              <figure>
                <PictureCanvas picture={shown.picture} label={`Picture: ${shown.name}`} />
                <figcaption>{shown.name}</figcaption>
              </figure>
            )}
            {[...entries.value].map(([method, entry]) => (
              <Cell key={method} name={methodCard(method).name} entry={entry} />
            ))}
          </div>
          <LookControls />
        </>
      )}
    </div>
  );
}

function Cell({ name, entry }: { readonly name: string; readonly entry: Entry }) {
  return (
    <figure>
      {entry.status === "done" && entry.overlay ? (
        <PictureCanvas picture={entry.overlay} label={`Overlay: ${name}`} />
      ) : (
        <div class="blank">
          {entry.status === "waiting" && "waiting"}
          {entry.status === "running" && <Busy what={name} progress={entry.progress} />}
          {entry.status === "done" && "These values have no places in the picture."}
          {entry.status === "failed" && <Problem title="Not possible here">{entry.message}</Problem>}
        </div>
      )}
      <figcaption>
        <span>{name}</span>
        {entry.status === "done" && (
          <details>
            <summary>
              {Math.round(entry.explanation.milliseconds)} ms
              {entry.explanation.notes.length > 0 &&
                `, ${entry.explanation.notes.length} ${entry.explanation.notes.length === 1 ? "note" : "notes"}`}
            </summary>
            {entry.explanation.notes.length === 0 && <p>Nothing particular to know about this result.</p>}
            {entry.explanation.notes.map(({ code, message }) => (
              <p key={code}>{message}</p>
            ))}
          </details>
        )}
      </figcaption>
    </figure>
  );
}
