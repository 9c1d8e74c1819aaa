// Preloaded where a program shows what belongs on a page: addresses and the file input lead to the folder `pets`.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

const absolute = (address) => new URL(address, "https://example.org");
const bytesOf = (name) => readFile(`pets/${name}`);

globalThis.fetch = async (address) => {
  const { href, pathname } = absolute(address);
  return Object.defineProperty(new Response(await bytesOf(basename(pathname))), "url", { value: href });
};

const names = ["model.json", "weights.bin", "metadata.json"];
const input = { files: await Promise.all(names.map(async (name) => new File([await bytesOf(name)], name))) };
globalThis.document = { querySelector: (selector) => (selector === "input" ? input : null) };
