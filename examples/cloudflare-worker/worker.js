// Explains the picture in the body of a POST: JSON with predictions and an overlay, or the overlay alone for Accept: image/png.
import {
  decodeImage,
  encodePng,
  explain,
  loadModel,
  methodNames,
  overlay,
  SeethroughError,
  toDataURL,
} from "seethrough";
import embedded from "seethrough/default-model";

const mostBytes = 4e6; // of a body: it is not read further
const mostPixels = 6e6; // of a picture: looked up in its header, before anything is decoded
const mostMilliseconds = 20_000; // from a request's turn on, its body included
const mostWaiting = 2000; // requests; a waiting one holds no body yet

let loading; // kept from request to request, as long as the isolate lives

/** Your network in the bucket MODELS, under the name MODEL_KEY; without them the embedded classifier. */
async function open(env) {
  if (!env.MODEL_KEY) return loadModel(embedded);
  const file = await env.MODELS.get(env.MODEL_KEY);
  if (!file) throw new Error(`There is no "${env.MODEL_KEY}" in the bucket MODELS.`);
  return loadModel(await file.arrayBuffer(), { memory: "low" });
}

const failure = (status, message) => Response.json({ error: message }, { status });

/** A class by its name, or by its number where no class has that name. */
const classOf = (model, text) => (model.labels?.includes(text) || !/^\d+$/.test(text) ? text : Number(text));

const atWork = new Set(); // one at a time: an isolate has one thread, and 128 MB for all its requests
let waiting = 0;

/** Waits until nobody is at work. A request that was cut off has no end of its own: it counts as gone when its time is up. */
async function turn() {
  if (waiting >= mostWaiting) return undefined;
  waiting++;
  try {
    for (;;) {
      for (const each of atWork) if (Date.now() - each.since > 2 * mostMilliseconds) atWork.delete(each);
      if (atWork.size === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    waiting--;
  }
  const mine = { since: Date.now() };
  atWork.add(mine);
  return mine;
}

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const tooLarge = () => new Refusal(413, `A picture may have ${mostBytes / 1e6} MB.`);
const tooLate = () => new Refusal(408, `The request took longer than ${mostMilliseconds / 1000} seconds.`);

/** The body, no further than allowed, and no longer than until the signal. */
async function readBody(request, signal) {
  if (Number(request.headers.get("content-length")) > mostBytes) throw tooLarge();
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  const stop = () => reader.cancel().catch(() => {}); // ends the read that waits
  signal.addEventListener("abort", stop);
  const pieces = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) throw tooLate();
      if (done) return new Uint8Array(await new Blob(pieces).arrayBuffer());
      length += value.byteLength;
      if (length > mostBytes) throw tooLarge();
      pieces.push(value);
    }
  } catch (error) {
    stop();
    throw error instanceof Refusal ? error : new Refusal(400, "The body broke off.");
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

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
    const mine = await turn();
    if (!mine) return failure(503, "Too many requests are waiting; try again later.");
    const signal = AbortSignal.timeout(mostMilliseconds);
    try {
      const image = await decodeImage(await readBody(request, signal), { maxPixels: mostPixels, maxSide: 1024 });
      const predictions = await model.predict(image, { top: 3 });
      const target = query.has("target") ? classOf(model, query.get("target")) : predictions[0].index;
      const attribution = await explain(model, image, { method, target, signal });
      const drawn = overlay(image, attribution);
      if (request.headers.get("accept") === "image/png")
        return new Response(await encodePng(drawn), { headers: { "content-type": "image/png" } });
      const { notes, recipe } = attribution;
      return Response.json({
        predictions,
        target: attribution.target,
        method,
        notes,
        recipe,
        overlay: await toDataURL(drawn),
      });
    } catch (error) {
      if (error instanceof Refusal) return failure(error.status, error.message);
      if (signal.aborted) return failure(408, tooLate().message);
      // What the library says about the picture or the target is meant for who sent it.
      return error instanceof SeethroughError ? failure(400, error.message) : failure(500, "The explanation failed.");
    } finally {
      atWork.delete(mine);
    }
  },
};
