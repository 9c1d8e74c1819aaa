// A thousand requests at once, most of them bad, to the Worker of the example, in workerd with the cap.
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cloudflareHosts, emptyWorker, runWorker } from "./cloudflare.mjs";

const examples = fileURLToPath(new URL("../../../examples/", import.meta.url));

/** Of the 128 MB of an isolate, what is left beside the wasm memory of the network. */
const heap = ["--max-old-space-size=96", "--max-semi-space-size=4"];

export const flood = {
  missing: cloudflareHosts.workerd.missing,
  /** @returns what the Worker answered, and the most memory its process had held after one request and after all, and that of an empty one */
  async run(folder) {
    copyFileSync(join(examples, "cloudflare-worker/worker.js"), join(folder, "worker.js"));
    copyFileSync(join(examples, "images/scene-cat-00.png"), join(folder, "photo.png"));
    const empty = await emptyWorker(folder, heap);
    const lines = await runWorker(folder, "suite/cloudflare-flood.mjs", ["photo.png"], heap);
    const [first, all] = lines.slice(-2);
    return { ...JSON.parse(all.text), peakBytes: { empty, first: first.peakBytes, all: all.peakBytes } };
  },
};
