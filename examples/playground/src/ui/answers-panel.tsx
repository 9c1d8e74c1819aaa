import { useId } from "preact/hooks";
import type { Detection } from "seethrough";
import { network } from "../state/network";
import { aimAtBest, answers, askedBox, className, target, targetName, topClass } from "../state/question";
import { latest } from "../state/task";
import type { Answers } from "../worker/protocol";
import { OutputMap } from "./output-map";
import { Busy, Empty, Problem } from "./status";

/** The network's answers; one of them is explained. */
export function AnswersPanel() {
  const task = answers.value;
  const value = latest(task);
  return (
    <section class="card" aria-labelledby="answers-title" aria-busy={task.status === "running"}>
      <h2 id="answers-title">
        <span class="step">3</span> Answer to explain
      </h2>
      {task.status === "failed" && <Problem title="The network could not answer">{task.message}</Problem>}
      {task.status === "idle" && <Empty>Open a network and a picture: the network's answers appear here.</Empty>}
      {task.status === "running" && !value && <Busy what="Asking the network" />}
      {value &&
        (value.boxes ? (
          <BoxAnswers boxes={value.boxes} />
        ) : value.map ? (
          <MapAnswers answers={value} />
        ) : (
          <ClassAnswers answers={value} />
        ))}
      {typeof target.value === "object" && !("maskOf" in target.value || "detection" in target.value) && (
        <p class="asked">
          Explaining <strong>{targetName(target.value)}</strong>
          <button type="button" class="quiet" onClick={aimAtBest}>
            Back to the best answer
          </button>
        </p>
      )}
    </section>
  );
}

const percent = (share: number): string => `${(share * 100).toFixed(share > 0 && share < 0.001 ? 3 : 1)} %`;

function ClassAnswers({ answers: { predictions } }: { readonly answers: Answers }) {
  const asked = target.value === "top" ? topClass.value : target.value;
  const elsewhere = typeof asked === "number" && !predictions.some(({ index }) => index === asked);
  return (
    <>
      <fieldset class="answers">
        <legend class="sr-only">Answer to explain</legend>
        {predictions.map(({ index, probability, score }) => (
          <label key={index} class="answer" title={`class ${index}, score ${score.toFixed(3)}`}>
            <input
              type="radio"
              name="answer"
              checked={asked === index}
              onChange={() => {
                target.value = index;
              }}
            />
            <span class="answer-name">{className(index)}</span>
            <span class="answer-share">{percent(probability)}</span>
            <span class="bar" aria-hidden="true">
              <span style={{ width: `${probability * 100}%` }} />
            </span>
          </label>
        ))}
      </fieldset>
      {elsewhere && (
        <p class="asked">
          Explaining <strong>{className(asked)}</strong>, which is not among the ten best.
        </p>
      )}
      <OtherClass shown={predictions.length} />
    </>
  );
}

/** What a detector found: the boxes are on the picture too. */
function BoxAnswers({ boxes }: { readonly boxes: readonly Detection[] }) {
  if (boxes.length === 0) return <Empty>The detector finds nothing in this picture that it is sure of.</Empty>;
  return (
    <>
      <p class="hint">This network finds boxes. Choose one here, or on the picture.</p>
      <fieldset class="answers">
        <legend class="sr-only">Box to explain</legend>
        {boxes.map((box, i) => (
          <label key={i} class="answer">
            <input
              type="radio"
              name="answer"
              checked={askedBox.value === box}
              onChange={() => {
                target.value = { detection: box };
              }}
            />
            <span class="answer-name">
              {i + 1}: {box.label ?? className(box.index)}
            </span>
            <span class="answer-share">{percent(box.score)}</span>
            <span class="bar" aria-hidden="true">
              <span style={{ width: `${box.score * 100}%` }} />
            </span>
          </label>
        ))}
      </fieldset>
    </>
  );
}

/** Any class by name or number, where there are more than the list shows. */
function OtherClass({ shown }: { readonly shown: number }) {
  const id = useId();
  const info = latest(network.value);
  if (!info || info.classes <= shown) return null;
  const names = Array.from({ length: info.classes }, (_, index) => `${index}: ${className(index)}`);
  return (
    <label class="other">
      Another class
      <input
        type="search"
        list={id}
        placeholder="name or number"
        onChange={({ currentTarget }) => {
          const text = currentTarget.value.trim();
          const index = /^\d+/.test(text)
            ? Number.parseInt(text, 10)
            : names.findIndex((name) => name.toLowerCase().includes(text.toLowerCase()));
          const known = text !== "" && index >= 0 && index < info.classes;
          currentTarget.setCustomValidity(
            known || text === "" ? "" : `There is no class "${text}" among the ${info.classes}.`,
          );
          currentTarget.reportValidity();
          if (known) target.value = index;
        }}
      />
      <datalist id={id}>
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </label>
  );
}

/** The output is a map: every place has its own answer. */
function MapAnswers({ answers: { map } }: { readonly answers: Answers }) {
  if (!map) return null;
  const asked = target.value;
  return (
    <>
      <p class="hint">This network answers for every place. Pick one place of its output map, or a whole class.</p>
      <OutputMap map={map} />
      <fieldset class="answers">
        <legend class="sr-only">Class to explain, where it wins</legend>
        {map.present.length === 0 && <Empty>No class is found anywhere in this picture.</Empty>}
        {map.present.map(({ index, colour, share }) => (
          <label key={index} class="answer">
            <input
              type="radio"
              name="answer"
              checked={typeof asked === "object" && "maskOf" in asked && asked.maskOf === index}
              onChange={() => {
                target.value = { maskOf: index };
              }}
            />
            <span class="answer-name">
              <span class="swatch" aria-hidden="true" style={{ background: `rgb(${colour.join(" ")})` }} />
              {className(index)}
            </span>
            <span class="answer-share">{percent(share)} of the picture</span>
          </label>
        ))}
      </fieldset>
    </>
  );
}
