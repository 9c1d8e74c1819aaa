import { signal } from "@preact/signals";
import type { Catalogue } from "../worker/protocol";
import { catalogue } from "./engine";

/** What the library offers; undefined until the worker has said it. */
export const offered = signal<Catalogue | undefined>(undefined);

void catalogue.then((value) => {
  offered.value = value;
});
