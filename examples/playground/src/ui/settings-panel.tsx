import { useState } from "preact/hooks";
import { applySettings, form, formError, network, readLabels } from "../state/network";
import { defaultForm, type Preset, presets, type SettingsForm } from "../state/settings";
import { latest } from "../state/task";
import { FileButton } from "./file-button";
import { Problem } from "./status";

/** How pictures become the network's input, and what its classes are called. */
export function SettingsPanel() {
  const applied = form.value;
  // Text fields wait for Apply; choices act at once.
  const [draft, setDraft] = useState<Partial<SettingsForm>>({});
  const shown = { ...applied, ...draft };
  const choose = (change: Partial<SettingsForm>): void => {
    setDraft({});
    void applySettings({ ...shown, ...change });
  };
  const type = (field: keyof SettingsForm) => (event: { currentTarget: HTMLInputElement }) =>
    setDraft({ ...draft, [field]: event.currentTarget.value });
  const preset = presets.find(({ id }) => id === shown.preset);
  return (
    <details class="settings">
      <summary>Input and labels</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          choose({});
        }}
      >
        <label>
          Pixel values
          <select
            value={shown.preset}
            onChange={({ currentTarget }) => {
              const next = currentTarget.value as Preset;
              // Custom numbers are typed first.
              if (next === "custom") setDraft({ ...draft, preset: next });
              else choose({ preset: next });
            }}
          >
            {presets.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <p class="hint">{preset?.hint}</p>
        {shown.preset === "custom" && (
          <>
            <div class="pair">
              <label>
                Black becomes
                <input type="text" inputMode="decimal" value={shown.rangeLow} onInput={type("rangeLow")} />
              </label>
              <label>
                White becomes
                <input type="text" inputMode="decimal" value={shown.rangeHigh} onInput={type("rangeHigh")} />
              </label>
            </div>
            <div class="pair">
              <label>
                Mean
                <input type="text" value={shown.mean} onInput={type("mean")} />
              </label>
              <label>
                Std
                <input type="text" value={shown.std} onInput={type("std")} />
              </label>
            </div>
          </>
        )}
        <div class="pair">
          <label>
            Channel order
            <select
              value={shown.channels}
              onChange={({ currentTarget }) => choose({ channels: currentTarget.value as SettingsForm["channels"] })}
            >
              <option value="rgb">RGB</option>
              <option value="bgr">BGR</option>
            </select>
          </label>
          <label>
            Picture fit
            <select
              value={shown.fit}
              onChange={({ currentTarget }) => choose({ fit: currentTarget.value as SettingsForm["fit"] })}
            >
              <option value="crop">Crop the centre</option>
              <option value="stretch">Stretch</option>
              <option value="pad">Pad</option>
            </select>
          </label>
        </div>
        <label>
          Input shape
          <input
            type="text"
            value={shown.inputShape}
            placeholder="as the file says"
            onInput={type("inputShape")}
            aria-describedby="shape-hint"
          />
        </label>
        <p class="hint" id="shape-hint">
          Where the file leaves sizes open, for example 1, 3, 224, 224 (one sample, channels, height, width).
        </p>
        <label>
          Arithmetic
          <select
            value={shown.arithmetic}
            onChange={({ currentTarget }) => choose({ arithmetic: currentTarget.value as SettingsForm["arithmetic"] })}
            aria-describedby="arithmetic-hint"
          >
            <option value="plain">Plain: the same bits in every browser</option>
            <option value="fastest">The fastest that this browser has</option>
          </select>
        </label>
        {shown.arithmetic === "fastest" && (
          <p class="hint" id="arithmetic-hint">
            {latest(network.value)?.arithmetic === "fused"
              ? "Fused multiply–adds: faster, and rounded otherwise."
              : "This browser does not fuse multiply–adds: plain arithmetic runs."}
          </p>
        )}
        <div class="row">
          <button type="submit">Apply</button>
          <button type="button" class="quiet" onClick={() => choose(defaultForm)}>
            Reset
          </button>
          <FileButton
            label="Labels …"
            accept=".json,.txt,.csv,application/json,text/plain"
            onFiles={([file]) => void readLabels(file)}
          />
        </div>
        <p class="hint">
          {applied.labels
            ? `${applied.labels.names.length} labels from ${applied.labels.file}.`
            : "Labels: a JSON list, or text with one class name a line."}
        </p>
        {formError.value && <Problem title="These settings do not work">{formError.value}</Problem>}
      </form>
    </details>
  );
}
