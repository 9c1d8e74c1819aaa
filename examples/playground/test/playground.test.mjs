// A person's way through the playground, in a real browser.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, serve } from "./harness.mjs";

let server;
before(async () => {
  server = await serve();
});
after(() => server.close());

const overlay = (page, title) => page.getByRole("img", { name: `Overlay: ${title}` });

test("opens with a network, a picture, its answers and the evidence for the best one", async (t) => {
  const { page, check } = await open(t, server.url);
  await overlay(page, "Grad-CAM for cat at relu6").waitFor();
  assert.match(await page.locator(".answer").first().innerText(), /cat\s+9\d\.\d %/);
  await page.getByRole("radio", { name: /^fish \d/ }).check();
  await overlay(page, "Grad-CAM for fish at relu6").waitFor();
  await page.getByRole("combobox", { name: "Method" }).selectOption("saliency");
  await overlay(page, "Saliency for fish").waitFor();
  check();
});
