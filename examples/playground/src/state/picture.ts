import { signal } from "@preact/signals";
import animalsList from "../../../images/animals.json";
import scenesList from "../../../images/scenes.json";
import type { OpenedImage } from "../worker/protocol";
import { engine } from "./engine";
import { createRunner } from "./task";

const urls = import.meta.glob<string>(["../../../images/*.png", "!../../../images/*.mask.png"], {
  query: "?url",
  import: "default",
  eager: true,
});

export interface Scene {
  readonly file: string;
  readonly title: string;
  readonly url: string;
}

const background: Readonly<Record<string, string>> = { grass: "on a lawn", cage: "in a cage", water: "over water" };

/** The scenes that come with the project: of one animal, then of several. */
export const scenes: readonly Scene[] = [
  ...scenesList,
  ...animalsList.map(({ animals, ...scene }) => ({ ...scene, label: animals.map(({ label }) => label).join(", ") })),
].flatMap(({ file, label, background: behind }) => {
  const url = urls[`../../../images/${file}`];
  return url ? [{ file, url, title: `${label} ${background[behind] ?? `before ${behind}`}` }] : [];
});

export interface ShownPicture extends OpenedImage {
  readonly name: string;
}

export const chosenScene = signal<string | undefined>(undefined);

const runner = createRunner<ShownPicture>({ keepLast: true });
export const picture = runner.state;

let whenOpened: () => void = () => {};

export const onPicture = (listener: () => void): void => {
  whenOpened = listener;
};

export async function chooseScene(scene: Scene): Promise<void> {
  chosenScene.value = scene.file;
  await show(scene.title, async () => {
    const response = await fetch(scene.url);
    if (!response.ok)
      throw new Error(`The scene could not be loaded from this page's own files: HTTP ${response.status}.`);
    return response.blob();
  });
}

export async function openPicture(file: File): Promise<void> {
  chosenScene.value = undefined;
  await show(file.name, async () => file);
}

async function show(name: string, read: () => Promise<Blob>): Promise<void> {
  const opened = await runner.start(async (job) => {
    const file = await read();
    runner.checkCurrent(job);
    return { ...(await engine.openImage(file)), name };
  });
  if (opened) whenOpened();
}
