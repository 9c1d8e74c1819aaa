import {
  applySettings,
  choice,
  chooseNetwork,
  fileName,
  form,
  type NetworkChoice,
  network,
  openFiles,
} from "../state/network";
import { latest } from "../state/task";
import { FileButton } from "./file-button";
import { SettingsPanel } from "./settings-panel";
import { Busy, Problem } from "./status";

const count = (value: number): string =>
  value >= 1e6
    ? `${(value / 1e6).toFixed(1)} million`
    : value >= 1e3
      ? `${Math.round(value / 1e3)} thousand`
      : `${value}`;

/** The finding that asks for a choice: how pictures are normalised. */
const assumed = "Pass preprocess to loadModel.";

export function NetworkPanel() {
  const task = network.value;
  const info = latest(task);
  return (
    <section class="card" aria-labelledby="network-title">
      <h2 id="network-title">
        <span class="step">1</span> Network
      </h2>
      <div class="row choose">
        <label class="grow">
          <span class="sr-only">Network</span>
          <select
            value={choice.value}
            onChange={({ currentTarget }) => void chooseNetwork(currentTarget.value as NetworkChoice)}
          >
            <option value="petshop">Pet shop (8 animals)</option>
            <option value="petshop-cheater">Pet shop cheater (says dog for a lawn)</option>
            <option value="petshop-vit">Pet shop with attention (ViT)</option>
            <option value="petshop-detector">Pet shop detector (boxes)</option>
            {fileName.value && <option value="file">{fileName.value}</option>}
          </select>
        </label>
        <FileButton label="Open network …" multiple onFiles={(files) => void openFiles(files)} />
      </div>
      <p class="hint">
        ONNX (with model.onnx.data, if there is one), TensorFlow Lite, or TensorFlow.js: model.json together with its
        weights.
      </p>
      {task.status === "running" && <Busy what="Reading the network" />}
      {task.status === "failed" && (
        <Problem title="This network cannot be used">
          {task.message}
          <ShapeOffer message={task.message} />
        </Problem>
      )}
      {task.status === "done" && info && (
        <>
          <p class="facts">
            Input {info.inputShape.slice(1).join("×")} · {info.classes} {info.classes === 1 ? "output" : "classes"} ·{" "}
            {info.layers.length} layers · {count(info.parameters)} weights
          </p>
          {info.notForImages && <Problem title="Not a network for pictures">{info.notForImages}</Problem>}
          {info.findings.length > 0 && (
            <details class="findings" open={info.findings.some((finding) => finding.includes(assumed))}>
              <summary>
                {info.findings.length === 1 ? "One thing" : `${info.findings.length} things`} to know about this network
              </summary>
              <ul>
                {info.findings.map((finding) => (
                  <li key={finding}>{finding.replace(assumed, "Choose another normalisation below.")}</li>
                ))}
              </ul>
            </details>
          )}
        </>
      )}
      <SettingsPanel key={`${choice.value} ${fileName.value}`} />
    </section>
  );
}

/** Where a file leaves its input's size open, the error names a size that would do: offer it. */
function ShapeOffer({ message }: { readonly message: string }) {
  const shape = /inputShape, for example \[([\d, ]+)\]/.exec(message)?.[1];
  if (!shape) return null;
  return (
    <span class="row">
      <button type="button" onClick={() => void applySettings({ ...form.value, inputShape: shape })}>
        Use {shape}
      </button>
      or give another input shape below.
    </span>
  );
}
