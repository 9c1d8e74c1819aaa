// Sends what clients send to the Worker of examples/cloudflare-worker, and prints what they see.
import photo from "../photo.png";
import worker from "../worker.js";

const ask = (query, options) =>
  worker.fetch(new Request(`https://explain.example/${query}`, { method: "POST", ...options }));

export default {
  async test() {
    const asJson = await ask("", { body: photo });
    const { predictions, method, overlay } = await asJson.json();
    const [{ label, probability }] = predictions;
    const picture = Uint8Array.from(atob(overlay.split(",")[1]), (letter) => letter.charCodeAt(0));
    if (new TextDecoder().decode(picture.subarray(1, 4)) !== "PNG") throw new Error("the overlay is no PNG");
    const type = asJson.headers.get("content-type").split(";")[0];
    console.log(`${asJson.status} ${type} ${label} ${(100 * probability).toFixed(1)} % ${method}`);

    const asPicture = await ask("?method=saliency&target=1", { body: photo, headers: { accept: "image/png" } });
    const letters = new TextDecoder().decode(new Uint8Array(await asPicture.arrayBuffer()).subarray(1, 4));
    console.log(`${asPicture.status} ${asPicture.headers.get("content-type")} ${letters}`);

    const noClass = await ask("?target=unicorn", { body: photo });
    console.log(`${noClass.status} ${/unicorn/.test((await noClass.json()).error) ? "no such class" : "?"}`);

    const noPicture = await ask("", { body: "hello" });
    console.log(`${noPicture.status} ${/PNG|JPEG/.test((await noPicture.json()).error) ? "no picture" : "?"}`);

    const noPost = await worker.fetch(new Request("https://explain.example/"));
    console.log(`${noPost.status} ${(await noPost.json()).error}`);
  },
};
