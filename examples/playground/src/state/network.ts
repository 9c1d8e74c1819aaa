import { signal } from "@preact/signals";
import cheaterUrl from "../../../../models/petshop-cheater.onnx?url";
import detectorUrl from "../../../../models/petshop-detector.onnx?url";
import vitUrl from "../../../../models/petshop-vit.onnx?url";
import type { NetworkInfo, NetworkSource, Settings } from "../worker/protocol";
import { engine } from "./engine";
import { defaultForm, parseLabels, type SettingsForm, settingsOf } from "./settings";
import { createRunner, messageOf } from "./task";

const ownFiles = { "petshop-cheater": cheaterUrl, "petshop-vit": vitUrl, "petshop-detector": detectorUrl } as const;

export type NetworkChoice = "petshop" | keyof typeof ownFiles | "file";

export const choice = signal<NetworkChoice>("petshop");
export const fileName = signal<string | undefined>(undefined);
export const form = signal<SettingsForm>(defaultForm);
/** What is wrong with the settings as filled in. */
export const formError = signal<string | undefined>(undefined);

const runner = createRunner<NetworkInfo>({ keepLast: true });
export const network = runner.state;

let files: readonly File[] = [];
let whenOpened: () => void = () => {};

/** Called whenever another network, or the same with other settings, is ready. */
export const onNetwork = (listener: () => void): void => {
  whenOpened = listener;
};

export async function chooseNetwork(next: NetworkChoice): Promise<void> {
  if (next === "file" && files.length === 0) return;
  choice.value = next;
  form.value = { ...defaultForm, fit: form.value.fit, arithmetic: form.value.arithmetic };
  await open();
}

/** @param next  an ONNX or TensorFlow Lite file, with the files of its weights if it has such, or the model.json of TensorFlow.js with its weights */
export async function openFiles(next: readonly File[]): Promise<void> {
  files = next;
  const named = (pattern: RegExp): File | undefined => next.find(({ name }) => pattern.test(name));
  fileName.value = (named(/^model\.json$/) ?? named(/\.(onnx|tflite)$/i) ?? next[0]).name;
  choice.value = "file";
  form.value = { ...defaultForm, fit: form.value.fit, arithmetic: form.value.arithmetic };
  await open();
}

export async function applySettings(next: SettingsForm): Promise<void> {
  form.value = next;
  await open();
}

export async function readLabels(labelsFile: File): Promise<void> {
  try {
    const names = parseLabels(await labelsFile.text(), labelsFile.name);
    await applySettings({ ...form.value, labels: { file: labelsFile.name, names } });
  } catch (error) {
    formError.value = messageOf(error);
  }
}

async function open(): Promise<void> {
  let settings: Settings;
  try {
    settings = settingsOf(form.value);
    formError.value = undefined;
  } catch (error) {
    formError.value = messageOf(error);
    return;
  }
  const info = await runner.start(async (job) => {
    const from = await source();
    runner.checkCurrent(job);
    return engine.openNetwork(from, settings);
  });
  if (info) whenOpened();
}

async function source(): Promise<NetworkSource> {
  if (choice.value === "file") return { kind: "files", files };
  if (choice.value === "petshop") return { kind: "embedded" };
  const response = await fetch(ownFiles[choice.value]);
  if (!response.ok)
    throw new Error(`The network could not be loaded from this page's own files: HTTP ${response.status}.`);
  return { kind: "files", files: [new File([await response.blob()], `${choice.value}.onnx`)] };
}
