// Sends a photograph to the Worker of the docs, as its page says, and prints what a client sees.
import photo from "../photo.png";
import worker from "../worker.js";

export default {
  async test() {
    const request = new Request("https://explain.example/", { method: "POST", body: photo });
    const response = await worker.fetch(request);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const name = new TextDecoder().decode(bytes.subarray(1, 4));
    console.log(`${response.status} ${response.headers.get("content-type")} ${name}`);
    console.log(response.headers.get("x-saw"));
  },
};
