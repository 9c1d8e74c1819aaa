// Sends a photograph to the function of the docs, and hands out what a client sees.
import { POST } from "../route.js";

async function ask() {
  const body = globalThis.photo;
  const response = await POST(new Request("https://explain.example/", { method: "POST", body }));
  const bytes = new Uint8Array(await response.arrayBuffer());
  const name = new TextDecoder().decode(bytes.subarray(1, 4));
  return `${response.status} ${response.headers.get("content-type")} ${name}\n${response.headers.get("x-saw")}\n`;
}

globalThis.report = ask();
