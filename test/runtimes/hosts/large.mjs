// Grad-CAM of a network of ResNet-50's size in the capped Worker, and the same in Node to compare its bits with.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { bundle } from "./bundle.mjs";
import { cloudflareHosts, runWorker } from "./cloudflare.mjs";

const networks = fileURLToPath(new URL("../../../bench/networks/resnet.ts", import.meta.url));

export const large = {
  missing: cloudflareHosts.workerd.missing,
  /**
   * @returns what both computed, the Worker's refusal of the default mode, the file's size, and the most memory that the
   *   whole process of the Worker had held before it loaded the network and after it explained
   */
  async run(folder) {
    const out = await bundle(folder, "networks", [networks], { platform: "node" });
    const { resnet50 } = await import(pathToFileURL(join(out, "resnet.js")).href);
    const bytes = resnet50();
    writeFileSync(join(folder, "resnet50.onnx"), bytes);
    const [before, low, refusal] = await runWorker(folder, "suite/cloudflare-large.mjs", ["resnet50.onnx"]);
    const imported = (path) => import(pathToFileURL(join(folder, path)).href);
    const { explainLarge } = await imported("suite/large.mjs");
    const node = await explainLarge(await imported("node_modules/seethrough/dist/index.js"), bytes);
    const worker = { ...JSON.parse(low.text), refusal: refusal.text };
    return { node, worker, fileBytes: bytes.length, peakBytes: { before: before.peakBytes, after: low.peakBytes } };
  },
};
