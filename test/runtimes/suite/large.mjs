import { drawScene } from "./scene.mjs";
import { digestOf } from "./suite.mjs";

/** Grad-CAM of a large network in little memory. */
export async function explainLarge(seethrough, bytes) {
  const model = await seethrough.loadModel(bytes, { memory: "low" });
  const { values } = await seethrough.gradCam(model, drawScene(224), { target: 7 });
  return { digest: await digestOf("ResNet-50", [values.data]), wasmBytes: seethrough.inspect(model).residentBytes };
}

/** What the user is told if the same is asked for without `memory: "low"`; empty if it fits. */
export async function refusalOfFast(seethrough, bytes) {
  try {
    const model = await seethrough.loadModel(bytes);
    await seethrough.gradCam(model, drawScene(224), { target: 7 });
    return "";
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}
