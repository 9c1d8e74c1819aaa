import type { Preprocess } from "seethrough";
import type { Settings } from "../worker/protocol";

export type Preset = "file" | "zero-one" | "signed" | "bytes" | "imagenet" | "custom";

export const presets: readonly { readonly id: Preset; readonly name: string; readonly hint: string }[] = [
  { id: "file", name: "As the file says", hint: "Normalisation from the file's metadata; without it, 0 to 1." },
  { id: "zero-one", name: "0 to 1", hint: "Pixels divided by 255." },
  { id: "signed", name: "−1 to 1", hint: "Pixels from −1 to 1: MobileNet, Inception, many TensorFlow networks." },
  { id: "bytes", name: "0 to 255", hint: "Pixels as they are; the network normalises them itself." },
  {
    id: "imagenet",
    name: "ImageNet mean and std",
    hint: "torchvision: 0 to 1, mean 0.485 0.456 0.406, std 0.229 0.224 0.225.",
  },
  { id: "custom", name: "Custom", hint: "(pixel scaled to range − mean) ÷ std, per channel in the network's order." },
];

/** The settings panel as it is filled in; numbers are text until they are applied. */
export interface SettingsForm {
  readonly preset: Preset;
  readonly rangeLow: string;
  readonly rangeHigh: string;
  readonly mean: string;
  readonly std: string;
  readonly channels: "rgb" | "bgr";
  readonly fit: "crop" | "stretch" | "pad";
  readonly inputShape: string;
  readonly arithmetic: "plain" | "fastest";
  readonly labels?: { readonly file: string; readonly names: readonly string[] };
}

export const defaultForm: SettingsForm = {
  preset: "file",
  rangeLow: "0",
  rangeHigh: "1",
  mean: "0",
  std: "1",
  channels: "rgb",
  fit: "crop",
  inputShape: "",
  arithmetic: "plain",
};

const [imagenetMean, imagenetStd] = [
  [0.485, 0.456, 0.406],
  [0.229, 0.224, 0.225],
];

/** @throws {Error} if a field does not hold numbers */
export function settingsOf(form: SettingsForm): Settings {
  const { fit, labels, arithmetic } = form;
  const shape = numbers("Input shape", form.inputShape);
  return {
    preprocess: { ...normalisationOf(form), fit },
    arithmetic,
    ...(labels && { labels: labels.names }),
    ...(shape.length > 0 && { inputShape: shape }),
  };
}

/** A preset says everything, so that nothing of the file's metadata mixes in. */
function normalisationOf(form: SettingsForm): Preprocess {
  const { channels } = form;
  switch (form.preset) {
    case "file":
      return channels === "bgr" ? { channels } : {};
    case "zero-one":
      return { range: [0, 1], mean: [0], std: [1], channels };
    case "signed":
      return { range: [-1, 1], mean: [0], std: [1], channels };
    case "bytes":
      return { range: [0, 255], mean: [0], std: [1], channels };
    case "imagenet":
      return { range: [0, 1], mean: imagenetMean, std: imagenetStd, channels };
    case "custom": {
      const [low] = numbers("Range from", form.rangeLow);
      const [high] = numbers("Range to", form.rangeHigh);
      if (low === undefined || high === undefined) throw new Error("Range: give a number for black and one for white.");
      return { range: [low, high], mean: numbers("Mean", form.mean), std: numbers("Std", form.std), channels };
    }
  }
}

function numbers(field: string, text: string): number[] {
  const parts = text.split(/[\s,;×x]+/).filter((part) => part !== "");
  const values = parts.map(Number);
  const wrong = parts.find((_, i) => !Number.isFinite(values[i]));
  if (wrong !== undefined)
    throw new Error(`${field}: "${wrong}" is not a number. Separate numbers by spaces or commas.`);
  return values;
}

/**
 * Class names from a file: a JSON list of names; a JSON object from index to name, or to a list that ends in the name
 * (the form Keras uses for ImageNet); or text with one name a line.
 *
 * @throws {Error} saying what was found instead
 */
export function parseLabels(text: string, file: string): readonly string[] {
  const start = text.trimStart()[0];
  if (start !== "[" && start !== "{") {
    const lines = text.split(/\r?\n/).map((line) => line.trim());
    while (lines.at(-1) === "") lines.pop();
    if (lines.length === 0) throw new Error(`${file} is empty; labels are one name a line, or a JSON list of names.`);
    return lines;
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} looks like JSON and is not: ${error instanceof Error ? error.message : String(error)}`);
  }
  const entries = Array.isArray(parsed) ? parsed : indexed(parsed as Record<string, unknown>, file);
  return entries.map((entry, index) => {
    const name: unknown = Array.isArray(entry) ? entry.at(-1) : entry;
    if (typeof name !== "string") {
      throw new Error(
        `${file}: entry ${index} is ${JSON.stringify(entry) ?? "missing"}; expected the name of class ${index}.`,
      );
    }
    return name;
  });
}

function indexed(object: Record<string, unknown>, file: string): unknown[] {
  const keys = Object.keys(object);
  if (keys.length === 0 || !keys.every((key) => /^\d+$/.test(key))) {
    throw new Error(
      `${file} is a JSON object whose keys are not class numbers; expected {"0": "name", …} or a list of names.`,
    );
  }
  return Array.from({ length: Math.max(...keys.map(Number)) + 1 }, (_, index) => object[index]);
}
