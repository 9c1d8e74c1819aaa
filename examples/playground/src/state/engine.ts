import { wrap } from "comlink";
import type { Engine } from "../worker/engine";

/** The worker that computes; the page only draws. */
const worker = new Worker(new URL("../worker/engine.ts", import.meta.url), { type: "module", name: "seethrough" });

export const engine = wrap<Engine>(worker);

/** What the library offers: method and colour map names. */
export const catalogue = engine.catalogue();
