import { loadModel, topActivations } from "../../dist/index.js";
import { sceneMaker } from "./scenes";

/** Searches a number of generated scenes in this process alone and prints what it took at most. */
async function main([count]: readonly string[]): Promise<void> {
  const make = await sceneMaker();
  const model = await loadModel();
  async function* scenes() {
    for (let index = 0; index < Number(count); index++) yield make(index);
  }
  const result = await topActivations(model, scenes(), { layer: "relu6" });
  const { maxRSS } = process.resourceUsage();
  process.stdout.write(
    JSON.stringify({ images: result.images, megabytes: maxRSS / 1024, bytes: JSON.stringify(result).length }),
  );
}

void main(process.argv.slice(2));
