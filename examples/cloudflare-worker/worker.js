// Explains the picture in the body of a POST: JSON with predictions and an overlay, or the overlay alone for Accept: image/png.
import { decodeImage, encodePng, explain, loadModel, methodNames, overlay, SeethroughError } from "seethrough";
import embedded from "seethrough/default-model";

let loading; // kept from request to request, as long as the isolate lives

/** Your network in the bucket MODELS, under the name MODEL_KEY; without them the embedded classifier. */
async function open(env) {
  if (!env.MODEL_KEY) return loadModel(embedded);
  const file = await env.MODELS.get(env.MODEL_KEY);
  if (!file) throw new Error(`There is no "${env.MODEL_KEY}" in the bucket MODELS.`);
  return loadModel(await file.arrayBuffer(), { memory: "low" });
}

const failure = (status, message) => Response.json({ error: message }, { status });
const dataUrl = (png) => `data:image/png;base64,${btoa(Array.from(png, (byte) => String.fromCharCode(byte)).join(""))}`;

/** A class by its name, or by its number where no class has that name. */
const classOf = (model, text) => (model.labels?.includes(text) || !/^\d+$/.test(text) ? text : Number(text));

export default {
  async fetch(request, env = {}) {
    if (request.method !== "POST") return failure(405, "Send a PNG or JPEG as the body of a POST.");
    const query = new URL(request.url).searchParams;
    const method = query.get("method") ?? "grad-cam";
    if (!methodNames.includes(method)) return failure(400, `method "${method}" is none of ${methodNames.join(", ")}.`);
    loading ??= open(env);
    let model;
    try {
      model = await loading;
    } catch (error) {
      loading = undefined; // the next request tries again
      return failure(500, error.message);
    }
    try {
      const image = await decodeImage(new Uint8Array(await request.arrayBuffer()));
      const predictions = await model.predict(image, { top: 3 });
      const target = query.has("target") ? classOf(model, query.get("target")) : predictions[0].index;
      const attribution = await explain(model, image, { method, target });
      const picture = await encodePng(overlay(image, attribution));
      if (request.headers.get("accept") === "image/png")
        return new Response(picture, { headers: { "content-type": "image/png" } });
      const { notes, recipe } = attribution;
      return Response.json({
        predictions,
        target: attribution.target,
        method,
        notes,
        recipe,
        overlay: dataUrl(picture),
      });
    } catch (error) {
      // What the library says about the picture or the target is meant for who sent it.
      return error instanceof SeethroughError ? failure(400, error.message) : failure(500, "The explanation failed.");
    }
  },
};
