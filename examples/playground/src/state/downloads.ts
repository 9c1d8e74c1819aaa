import { signal } from "@preact/signals";
import type { Download } from "../worker/protocol";
import { messageOf } from "./task";

/** Why the last file could not be made. */
export const downloadError = signal<string | undefined>(undefined);

/** Hands a file to the browser's downloads. */
export async function save(name: string, make: () => PromiseLike<Download>): Promise<void> {
  try {
    const { bytes, type } = await make();
    offer(name, new Blob([bytes], { type }));
    downloadError.value = undefined;
  } catch (error) {
    downloadError.value = messageOf(error);
  }
}

export const saveJson = (name: string, value: unknown): void =>
  offer(name, new Blob([JSON.stringify(value, null, 2)], { type: "application/json" }));

function offer(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A file name from words. */
export const fileStem = (...words: readonly string[]): string =>
  words
    .join("-")
    .toLowerCase()
    .replace(/\.[a-z]{3,4}(?=-|$)/g, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
