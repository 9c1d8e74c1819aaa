// app/api/explain/route.js of a Next.js application: an edge function that explains the picture in the body of a POST.
import { decodeImage, encodePng, gradCam, loadModel, overlay, SeethroughError } from "seethrough";
import embedded from "seethrough/default-model";

export const runtime = "edge";

let loading; // kept from request to request, as long as the instance lives

export async function POST(request) {
  loading ??= loadModel(embedded); // yours: loadModel(await fetch("https://…/model.onnx"), { labels, preprocess })
  try {
    const model = await loading;
    const photo = await decodeImage(new Uint8Array(await request.arrayBuffer()));
    const attribution = await gradCam(model, photo);
    const picture = await encodePng(overlay(photo, attribution));
    const saw = `${attribution.target.label} ${attribution.target.score.toFixed(3)}`;
    return new Response(picture, { headers: { "content-type": "image/png", "x-saw": saw } });
  } catch (error) {
    if (!(error instanceof SeethroughError)) throw error;
    return Response.json({ error: error.message }, { status: 400 });
  }
}
