// A person's ways through the playground, in a real browser, under the policy it is served with.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { convolutionOnnx, decodeImage, encodePng, methodTable, resize, Tensor } from "../../../dist/index.js";
import { audit, example, network, open, serve } from "./harness.mjs";

let server;
let folder;
before(async () => {
  server = await serve();
  folder = await mkdtemp(join(tmpdir(), "seethrough-playground-"));
});
after(() => server.close());

const overlay = (page, title) =>
  page.getByRole("img", {
    name: title instanceof RegExp ? new RegExp(`Overlay: ${title.source}`) : `Overlay: ${title}`,
    exact: true,
  });
const tab = (page, name) => page.getByRole("tab", { name, exact: true }).click();
const chooseMethod = (page, name) => page.getByRole("combobox", { name: "Method" }).selectOption(name);
const openNetwork = (page, path) => page.getByLabel("Open network …").setInputFiles(path);
const chooseNetworkOf = (page, value) => page.getByRole("combobox", { name: "Network" }).selectOption(value);
const openPicture = (page, path) => page.getByLabel("Open picture …").setInputFiles(path);
/** What the page shows by itself. */
const opened = (page) => overlay(page, "Occlusion for dog").waitFor();
/** A question that is answered at once, and its answer. */
async function ready(page) {
  await page.getByRole("radio", { name: "cat before stripes" }).check();
  await page.getByRole("tab", { name: "Explain", exact: true }).click();
  await chooseMethod(page, "grad-cam");
  await overlay(page, "Grad-CAM for cat at relu6").waitFor();
}

/** Presses a button that saves a file, and reads the file. */
async function saved(page, button) {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: button }).click(),
  ]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** A file beside the tests' others. */
async function file(name, bytes) {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

/** A convolution with weights that rise, so that no two of its maps are alike. */
const rising = (out, into, shape) => {
  const data = Float32Array.from({ length: out * into * 9 }, (_, i) => Math.sin(i));
  return convolutionOnnx({ weight: Tensor.fromNCHW(data, [out, into, 3, 3]), inputShape: shape, pad: 1 });
};

/** A grey picture, in which there is nothing. */
const plain = (side) => ({ data: new Uint8ClampedArray(side * side * 4).fill(128), width: side, height: side });

/** A small network as Keras and Teachable Machine export it: layers, weights, and the names of its classes. */
async function kerasFiles() {
  const layer = (class_name, name, config) => ({ class_name, config: { name, ...config } });
  const shapes = [
    ["conv/kernel", [3, 3, 3, 8]],
    ["conv/bias", [8]],
    ["scores/kernel", [8, 3]],
    ["scores/bias", [3]],
  ];
  const sizes = shapes.map(([, shape]) => shape.reduce((product, extent) => product * extent, 1));
  const values = Float32Array.from({ length: sizes.reduce((sum, size) => sum + size) }, (_, i) => Math.sin(i));
  const modelTopology = {
    model_config: {
      class_name: "Sequential",
      config: {
        name: "patterns",
        layers: [
          layer("Conv2D", "conv", {
            filters: 8,
            kernel_size: [3, 3],
            padding: "same",
            activation: "relu",
            batch_input_shape: [null, 24, 24, 3],
          }),
          layer("GlobalAveragePooling2D", "means", {}),
          layer("Dense", "scores", { units: 3, activation: "softmax" }),
        ],
      },
    },
  };
  const weights = shapes.map(([name, shape]) => ({ name, shape, dtype: "float32" }));
  const model = { format: "layers-model", modelTopology, weightsManifest: [{ paths: ["weights.bin"], weights }] };
  return Promise.all([
    file("model.json", JSON.stringify(model)),
    file("weights.bin", Buffer.from(values.buffer)),
    file("metadata.json", JSON.stringify({ labels: ["stripes", "dots", "plain"], imageSize: 24 })),
  ]);
}

test("opens with a network, a picture, its answers and the evidence for the best one", async (t) => {
  const { page, check } = await open(t, server.url);
  await opened(page);
  assert.match(await page.locator(".answer").first().innerText(), /dog\s+9\d\.\d %/);
  await page
    .getByText("Red: covering this place lowers the score of dog; blue: covering it raises the score.")
    .waitFor();
  await page.getByRole("combobox", { name: "Colours" }).selectOption("viridis");
  await page.getByText("Above zero: covering this place lowers the score of dog").waitFor();
  const offered = await page
    .getByRole("combobox", { name: "Method" })
    .locator("option")
    .evaluateAll((all) => all.map(({ value }) => value));
  assert.deepEqual(
    offered,
    methodTable.map(({ name }) => name),
  );
  await ready(page);
  await page.getByRole("radio", { name: /^fish \d/ }).check();
  await overlay(page, "Grad-CAM for fish at relu6").waitFor();
  await chooseMethod(page, "guided-backprop");
  await overlay(page, "Guided backprop for fish").waitFor();
  await page.getByText("model-randomisation sanity check").waitFor();
  await page.getByText("never leave it").waitFor();
  check();
});

test("saves the overlay, the raw values and the recipe", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  const png = await saved(page, "Save overlay (PNG)");
  assert.equal(png.name, "cat-before-stripes-grad-cam.png");
  const picture = await decodeImage(png.bytes);
  assert.deepEqual([picture.width, picture.height], [384, 384]);
  const npy = await saved(page, "Save values (.npy)");
  assert.equal(npy.bytes.subarray(1, 6).toString(), "NUMPY");
  assert.match(npy.bytes.toString("latin1"), /'shape': \(1, 6, 6, 1\)/);
  const recipe = JSON.parse((await saved(page, "Save recipe (JSON)")).bytes.toString());
  assert.equal(recipe.method, "grad-cam");
  assert.match(recipe.modelHash, /^sha256:/);
  check();
});

test("draws again with other colours and opacity, without computing again", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  const pixels = () =>
    page
      .locator(".evidence canvas")
      .first()
      .evaluate((canvas) => canvas.toDataURL());
  const facts = () => page.locator(".result-facts .facts").innerText();
  const [before, said] = [await pixels(), await facts()];
  await page.getByRole("combobox", { name: "Colours" }).selectOption("viridis");
  await eventually(async () => (await pixels()) !== before);
  const viridis = await pixels();
  await page.getByRole("slider", { name: "Opacity" }).fill("0.2");
  await eventually(async () => (await pixels()) !== viridis);
  assert.equal(await facts(), said);
  check();
});

test("compares methods side by side and saves them in one picture", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  await tab(page, "Compare");
  await page.getByRole("checkbox", { name: "Occlusion" }).uncheck();
  await page.getByRole("button", { name: "Compare", exact: true }).click();
  for (const name of ["Saliency", "Deconvnet", "CAM", "Grad-CAM", "Integrated gradients"])
    await overlay(page, name).waitFor();
  assert.equal(await overlay(page, "Occlusion").count(), 0);
  const { bytes } = await saved(page, "Save all (PNG)");
  assert.ok((await decodeImage(bytes)).width > 1000);
  check();
});

test("shows the maps of a layer, and projects a unit to pixels", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  await tab(page, "Layers");
  await page.getByRole("radio", { name: /^relu4 / }).check();
  const unit = page.getByRole("button", { name: /^Unit 58\b/ });
  await unit.click();
  await page.getByRole("heading", { name: "Unit 58 of relu4" }).waitFor();
  await page.getByRole("img", { name: "Deconvnet projection in the input" }).waitFor();
  await page.getByRole("img", { name: "That part of the picture" }).waitFor();
  await page.getByText(/The way down, stage by stage \(11\)/).click();
  await page.getByRole("img", { name: "Signal at pool3" }).waitFor();
  const npy = await saved(page, "Save values (.npy)");
  assert.match(npy.bytes.toString("latin1"), /'shape': \(1, 96, 96, 3\)/);
  await page.getByRole("button", { name: "Explain this unit" }).click();
  await overlay(page, /Grad-CAM for unit 58 of relu4/).waitFor();
  check();
});

test("climbs for a class, step by step, and can be stopped", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  await tab(page, "Visualize");
  await page.getByText("More options").click();
  await page.getByRole("spinbutton", { name: "Steps" }).fill("12");
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("img", { name: "After 12 steps, for cat" }).waitFor();
  assert.equal((await decodeImage((await saved(page, "Save picture (PNG)")).bytes)).width, 96);
  await page.getByRole("spinbutton", { name: "Steps" }).fill("100000");
  await page.getByRole("button", { name: "Start again" }).click();
  await page.getByRole("progressbar").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("The steps so far stay").waitFor();
  await page.getByRole("slider", { name: "Step" }).fill("0");
  await page.getByRole("img", { name: "After 0 steps, for cat" }).waitFor();
  check();
});

test("occlusion shows its progress, can be stopped, and never blocks the page", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  await chooseMethod(page, "occlusion");
  await page.getByRole("slider", { name: /Patch/ }).fill("4");
  await page.evaluate(() => {
    window.longest = 0;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
    }).observe({ type: "longtask" });
  });
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText(/Occlusion [1-9]\d* %/).waitFor();
  // The page answers while the worker computes: another tab opens, and the result of its own is still to come.
  await tab(page, "Compare");
  await tab(page, "Explain");
  assert.equal(await page.getByText(/Occlusion \d+ %/).count(), 1);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped before it was done").waitFor();
  const longest = await page.evaluate(() => window.longest);
  assert.ok(longest < 500, `a task of ${longest} ms blocked the page`);
  // So few patches of so small a network need no button.
  await page.getByRole("slider", { name: /Patch/ }).fill("20");
  await overlay(page, "Occlusion for cat").waitFor();
  check();
});

test("works offline after the first visit, and can be installed", async (t) => {
  const own = await serve();
  const { page, context } = await open(t, own.url);
  await page.getByText("Works offline").waitFor();
  const manifest = await (await page.request.get(`${own.url}manifest.webmanifest`)).json();
  for (const { src, sizes, type } of manifest.icons) {
    const icon = await page.request.get(own.url + src);
    assert.equal(icon.headers()["content-type"], type);
    if (type === "image/png") {
      const { width, height } = await decodeImage(await icon.body());
      assert.equal(`${width}x${height}`, sizes);
    }
  }
  const devtools = await context.newCDPSession(page);
  const { installabilityErrors } = await devtools.send("Page.getInstallabilityErrors");
  // The tests' own profile is the only thing that stands in the way.
  assert.deepEqual(
    installabilityErrors.filter(({ errorId }) => errorId !== "in-incognito"),
    [],
  );
  await own.close();
  await page.reload();
  await ready(page);
  // What was not looked at before is there too.
  await page.getByRole("combobox", { name: "Network" }).selectOption("petshop-cheater");
  await page.getByRole("radio", { name: "cat on a lawn" }).first().check();
  await overlay(page, "Grad-CAM for dog at relu6").waitFor();
});

test("goes on without a network in the very first visit", async (t) => {
  const { page, context, check } = await open(t, server.url);
  await ready(page);
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) {
      await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve));
    }
  });
  await context.setOffline(true);
  await chooseNetworkOf(page, "petshop-cheater");
  await overlay(page, "Grad-CAM for cat at relu6").waitFor();
  // Its linear algebra is loaded on demand.
  await chooseMethod(page, "lime");
  await page.getByRole("button", { name: "Run LIME" }).click();
  await overlay(page, "LIME for cat").waitFor();
  check();
});

test("shows what was asked for last, whatever was quicker to open", async (t) => {
  // Without the service worker, so that one of the page's own files can be made slow.
  const { page, check } = await open(t, server.url, { serviceWorkers: "block" });
  await ready(page);
  await page.getByRole("radio", { name: "cat on a lawn" }).first().check();
  await overlay(page, "Grad-CAM for cat at relu6").waitFor();
  await page.route("**/*cheater*", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.continue();
  });
  const select = page.getByRole("combobox", { name: "Network" });
  const slow = page.waitForResponse("**/*cheater*");
  await select.selectOption("petshop-cheater");
  await select.selectOption("petshop");
  await slow;
  // The cheater would say dog.
  await page.waitForTimeout(500);
  await page.getByRole("radio", { name: "fish over water" }).check();
  await page.getByRole("radio", { name: "cat on a lawn" }).first().check();
  await overlay(page, "Grad-CAM for cat at relu6").waitFor();
  await tab(page, "Compare");
  await page.getByRole("button", { name: "Compare", exact: true }).click();
  await page.getByRole("radio", { name: "dog in a cage" }).check();
  await page.getByText("Tick methods and press Compare").waitFor();
  await page.getByRole("button", { name: "Compare", exact: true }).click();
  await overlay(page, "Grad-CAM").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  await tab(page, "Layers");
  await page.locator(".unit").first().click();
  await page.getByRole("button", { name: "Explain this unit" }).click();
  await overlay(page, /Grad-CAM for unit \d+ of relu6/).waitFor();
  await page.getByRole("radio", { name: "fish over water" }).check();
  await page.getByText(/^Explaining unit \d+ of relu6/).waitFor();
  check({ tolerate: ["Service Worker registration blocked by Playwright"] });
});

test("says what is wrong with a bad file, and goes on with a good one", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  await openNetwork(page, await file("weights.onnx", "<!doctype html><title>Not found</title>"));
  await page.getByRole("alert").getByText("HTML").waitFor();
  await openNetwork(page, example("scene-cat-00.png"));
  await page.getByRole("alert").getByText("The model's bytes are a PNG image.").waitFor();
  const whole = await readFile(network("petshop.onnx"));
  await openNetwork(page, await file("half.onnx", whole.subarray(0, whole.length / 2)));
  await page.getByRole("alert").waitFor();
  assert.equal(await page.locator(".evidence canvas").count(), 0, "evidence of an earlier network stayed");
  await openNetwork(page, network("petshop.onnx"));
  await ready(page);
  const scene = await readFile(example("scene-fish-02.png"));
  await openPicture(page, await file("half.png", scene.subarray(0, 4000)));
  await page.getByRole("alert").getByText("This picture cannot be read").waitFor();
  await openPicture(page, example("scene-fish-02.png"));
  await overlay(page, "Grad-CAM for fish at relu6").waitFor();
  check();
});

test("opens a TensorFlow.js network of several files, chosen or dropped, offline too", async (t) => {
  const { page, context, check } = await open(t, server.url);
  await ready(page);
  await page.evaluate(async () => void (await navigator.serviceWorker.ready));
  await context.setOffline(true);
  const files = await kerasFiles();
  await openNetwork(page, files);
  await overlay(page, /Grad-CAM for (stripes|dots|plain) at conv/).waitFor();
  assert.match(await page.locator("p.facts").first().innerText(), /Input 24×24×3 · 3 classes/);
  await openNetwork(page, files.slice(0, 1));
  await page.getByRole("alert").getByText('needs the file "weights.bin"').waitFor();
  await chooseNetworkOf(page, "petshop");
  await ready(page);
  const handed = await Promise.all(
    files.map(async (path) => ({ name: basename(path), bytes: (await readFile(path)).toString("base64") })),
  );
  await page.evaluate(async (sent) => {
    const data = new DataTransfer();
    for (const { name, bytes } of sent) {
      const decoded = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
      data.items.add(new File([decoded], name, { type: name.endsWith(".json") ? "application/json" : "" }));
    }
    dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
  }, handed);
  await overlay(page, /Grad-CAM for (stripes|dots|plain) at conv/).waitFor();
  check();
});

test("opens an ONNX file with its weights beside it, chosen or dropped, and says how pixels were taken", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  const cases = new URL("../../../../shared/cases/weights-beside/", import.meta.url);
  const files = ["model.onnx", "model.onnx.data"].map((name) => fileURLToPath(new URL(name, cases)));
  if (!files.every((path) => existsSync(path))) return t.skip("../shared/cases/weights-beside is not here");
  await openNetwork(page, files.slice(0, 1));
  await page.getByRole("alert").getByText("model.onnx.data").waitFor();
  await openNetwork(page, files);
  await page.getByText("Choose another normalisation below.").waitFor();
  await chooseMethod(page, "saliency");
  await page.getByText(/assumed.*Choose another normalisation under “Input and labels”/).waitFor();
  // Another fit says nothing about the numbers; a range does.
  await page.getByText("Input and labels", { exact: true }).click();
  await page.getByRole("combobox", { name: "Picture fit" }).selectOption("pad");
  await page.getByText(/assumed.*Choose another normalisation under “Input and labels”/).waitFor();
  await page.getByRole("combobox", { name: "Pixel values" }).selectOption("zero-one");
  await eventually(async () => (await page.getByText(/Choose another normalisation/).count()) === 0);
  await chooseNetworkOf(page, "petshop");
  await overlay(page, "Saliency for cat").waitFor();
  const handed = await Promise.all(
    files.map(async (path) => ({ name: basename(path), bytes: (await readFile(path)).toString("base64") })),
  );
  await page.evaluate(async (sent) => {
    const data = new DataTransfer();
    for (const { name, bytes } of sent.reverse()) {
      data.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], name));
    }
    dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
  }, handed);
  await page
    .getByRole("combobox", { name: "Network" })
    .getByText("model.onnx", { exact: true })
    .waitFor({ state: "attached" });
  await page.getByText("Choose another normalisation below.").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  check();
});

test("opens a quantised TensorFlow Lite file, chosen or dropped, and says how far its readings are apart", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  const path = fileURLToPath(
    new URL("../../../../shared/models/deployed/resnet8-cifar10-int8.tflite", import.meta.url),
  );
  if (!existsSync(path)) return t.skip("../shared/models/deployed is not here");
  await openNetwork(page, path);
  await overlay(page, /Grad-CAM for /).waitFor();
  assert.match(await page.locator("p.facts").first().innerText(), /Input 32×32×3 · 10 classes/);
  // Among the notes, which are folded.
  await page.getByText("computes with integers as it does on the device").first().waitFor({ state: "attached" });
  await chooseNetworkOf(page, "petshop");
  await overlay(page, /Grad-CAM for .* at relu6/).waitFor();
  const bytes = (await readFile(path)).toString("base64");
  await page.evaluate(async (sent) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(sent), (letter) => letter.charCodeAt(0))], "deployed.tflite"));
    dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
  }, bytes);
  await page
    .getByRole("combobox", { name: "Network" })
    .getByText("deployed.tflite", { exact: true })
    .waitFor({ state: "attached" });
  await overlay(page, /Grad-CAM for /).waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  check();
});

test("frames what the network saw of a wide picture", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  const scene = await decodeImage(await readFile(example("scene-fish-02.png")));
  await openPicture(page, await file("wide.png", await encodePng(resize(scene, { width: 300, height: 100 }))));
  await page.getByText("The network sees the part in the frame.").waitFor();
  const share = await page.locator(".frame").evaluate(({ style }) => [style.left, style.width].map(Number.parseFloat));
  assert.ok(Math.abs(share[0] - 100 / 3) < 0.01 && Math.abs(share[1] - 100 / 3) < 0.01, `the frame is at ${share}`);
  check();
});

test("takes labels and normalisation, and says what is wrong with them", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  await page.getByText("Input and labels").click();
  const labels = ["Vogel", "Katze", "Hund", "Fisch", "Maus", "Hase", "Schlange", "Schildkröte"];
  await page.getByLabel("Labels …").setInputFiles(await file("labels.txt", labels.join("\n")));
  await overlay(page, "Grad-CAM for Katze at relu6").waitFor();
  const keras = Object.fromEntries(labels.map((label, i) => [i, [`n0${i}`, label.toUpperCase()]]));
  await page.getByLabel("Labels …").setInputFiles(await file("labels.json", JSON.stringify(keras)));
  await overlay(page, "Grad-CAM for KATZE at relu6").waitFor();
  await page.getByLabel("Labels …").setInputFiles(await file("labels.json", '{"cat": 1}'));
  await page.getByRole("alert").getByText("keys are not class numbers").waitFor();
  const share = () => page.locator(".answer").first().innerText();
  await page.getByRole("combobox", { name: "Arithmetic" }).selectOption("fastest");
  await page.getByText("Fused multiply–adds: faster").waitFor();
  await page.getByRole("combobox", { name: "Pixel values" }).selectOption("signed");
  await eventually(async () => /98\.8 %/.test(await share()));
  await page.getByRole("combobox", { name: "Pixel values" }).selectOption("custom");
  await page.getByRole("textbox", { name: "Mean" }).fill("0.5, half");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("alert").getByText('Mean: "half" is not a number').waitFor();
  await page.getByRole("textbox", { name: "Mean" }).fill("0.5");
  await page.getByRole("textbox", { name: "Std" }).fill("0 0 0");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("alert").getByText("std must not be 0").waitFor();
  await page.getByRole("textbox", { name: "Std" }).fill("0.5");
  await page.getByRole("button", { name: "Apply" }).click();
  await eventually(async () => /98\.8 %/.test(await share()));
  check();
});

test("explains a place or a class of an output map", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  await openNetwork(page, await file("map.onnx", rising(3, 3, [1, 24, 24, 3])));
  const map = page.getByRole("button", { name: /^Output map/ });
  await map.click({ position: { x: 40, y: 60 } });
  await page.getByText(/^Explaining class \d at row \d+, column \d+ of the output/).waitFor();
  await map.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await chooseMethod(page, "saliency");
  await overlay(page, /Saliency for class \d at row \d+, column \d+ of the output/).waitFor();
  await page
    .getByRole("radio", { name: /of the picture/ })
    .first()
    .check();
  await overlay(page, /Saliency for class \d, where it wins/).waitFor();
  check();
});

test("finds boxes, and shows the evidence of the one that is clicked", async (t) => {
  const { page, check } = await open(t, server.url);
  await opened(page);
  await chooseNetworkOf(page, "petshop-detector");
  await page.getByRole("radio", { name: /^turtle, dog.* before gradient/ }).check();
  const boxes = page.getByRole("button", { name: /^Box \d: / });
  await overlay(page, /Occlusion for the \w+ in (the box|box 1)/).waitFor();
  assert.equal(await boxes.count(), await page.getByRole("radio", { name: /^\d: \w+ \d/ }).count());
  assert.ok((await boxes.count()) > 1);
  assert.equal(await boxes.first().getAttribute("aria-pressed"), "true");
  const [asked, name] = [boxes.nth(1), /: (\w+),/.exec(await boxes.nth(1).getAttribute("aria-label"))?.[1]];
  await asked.click();
  assert.equal(await asked.getAttribute("aria-pressed"), "true");
  await overlay(page, new RegExp(`Occlusion for the ${name} in `)).waitFor();
  await chooseMethod(page, "hi-res-cam");
  await overlay(page, new RegExp(`HiResCAM for the ${name} in `)).waitFor();
  await page.getByText(/of what speaks for it lies inside the box/).waitFor();
  const { width, height } = await asked.boundingBox();
  const explained = await page.locator(".box.explained").boundingBox();
  assert.ok(Math.abs(explained.width - width) < 2 && Math.abs(explained.height - height) < 2);
  // With the keyboard alone.
  await boxes.first().focus();
  await page.keyboard.press("Enter");
  assert.equal(await boxes.first().getAttribute("aria-pressed"), "true");
  await eventually(async () => (await overlay(page, new RegExp(`HiResCAM for the ${name} in `)).count()) === 0);
  const recipe = JSON.parse((await saved(page, "Save recipe (JSON)")).bytes.toString());
  assert.equal(recipe.method, "hi-res-cam");
  await audit(page, "Boxes");
  await openPicture(page, await file("grey.png", await encodePng(plain(96))));
  await page.getByText("The detector finds nothing in this picture that it is sure of.").waitFor();
  assert.equal(await boxes.count(), 0);
  check();
});

test("says that a network is not for pictures", async (t) => {
  const { page, check } = await open(t, server.url);
  await ready(page);
  await openNetwork(page, await file("features.onnx", rising(2, 5, [1, 8, 8, 5])));
  await page.getByText("takes 1×8×8×5 values. That is no picture of 1 or 3 channels").waitFor();
  check();
});

test("can be used with the keyboard alone", async (t) => {
  const { page, check } = await open(t, server.url);
  await opened(page);
  const focused = () =>
    page.evaluate(() => {
      const { activeElement: element } = document;
      return `${element?.getAttribute("role") ?? element?.tagName} ${element?.getAttribute("name") ?? ""} ${element?.textContent ?? ""}`;
    });
  const tabTo = async (pattern) => {
    for (let press = 0; press < 60; press++) {
      await page.keyboard.press("Tab");
      if (pattern.test(await focused())) return;
    }
    assert.fail(`no focus on ${pattern} after 60 presses of Tab; it is on ${await focused()}`);
  };
  await tabTo(/^A .*Skip to the explanation/);
  await tabTo(/^INPUT scene/);
  await page.keyboard.press("ArrowLeft");
  await overlay(page, "Occlusion for cat").waitFor();
  await tabTo(/^INPUT answer/);
  await page.keyboard.press("ArrowDown");
  await eventually(async () => (await overlay(page, "Occlusion for cat").count()) === 0);
  await tabTo(/^tab .*Explain/);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.getByText("Layers, from picture to answer").waitFor();
  await tabTo(/^INPUT layer/);
  await tabTo(/^BUTTON/);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: /^Unit \d+ of relu6/ }).waitFor();
  check();
});

for (const colorScheme of ["light", "dark"]) {
  test(`has no accessibility problem that a machine can find, ${colorScheme}`, async (t) => {
    const { page, check } = await open(t, server.url, { colorScheme });
    await ready(page);
    const [red] = await page.evaluate(() =>
      getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).map(Number),
    );
    assert.ok(colorScheme === "dark" ? red < 60 : red > 200, `the ground is ${red}`);
    await page.getByText("Input and labels").click();
    await chooseMethod(page, "deconvnet");
    await overlay(page, "Deconvnet for cat").waitFor();
    await audit(page, "Explain");
    await openNetwork(page, example("scene-cat-00.png"));
    await page.getByRole("alert").waitFor();
    await audit(page, "Explain with an error");
    await page.getByRole("combobox", { name: "Network" }).selectOption("petshop");
    await overlay(page, "Deconvnet for cat").waitFor();
    await tab(page, "Compare");
    await page.getByRole("checkbox", { name: "Occlusion" }).uncheck();
    await page.getByRole("button", { name: "Compare", exact: true }).click();
    await overlay(page, "Grad-CAM").waitFor();
    await audit(page, "Compare");
    await tab(page, "Layers");
    await page.locator(".unit").first().click();
    await page.getByRole("img", { name: "Deconvnet projection in the input" }).waitFor();
    await audit(page, "Layers");
    await tab(page, "Visualize");
    await page.getByText("More options").click();
    await page.getByRole("spinbutton", { name: "Steps" }).fill("4");
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByRole("img", { name: "After 4 steps, for cat" }).waitFor();
    await audit(page, "Visualize");
    check();
  });
}

test("fits a phone", async (t) => {
  const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
  const { page, check } = await open(t, server.url, phone);
  await ready(page);
  for (const name of ["Explain", "Compare", "Layers", "Visualize"]) {
    await page.getByRole("tab", { name, exact: true }).tap();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `${name} is ${width} pixels wide`);
  }
  await page.getByRole("tab", { name: "Layers", exact: true }).tap();
  await page.locator(".unit").first().tap();
  await page.getByRole("img", { name: "Deconvnet projection in the input" }).waitFor();
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360);
  check();
});

test("a box that is tapped on a phone brings its evidence into view", async (t) => {
  const [width, height] = [390, 844];
  const phone = { viewport: { width, height }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
  const { page, check } = await open(t, server.url, phone);
  await opened(page);
  await chooseNetworkOf(page, "petshop-detector");
  const boxes = page.getByRole("button", { name: /^Box \d: / });
  await overlay(page, /Occlusion for the \w+ in (the box|box 1)/).waitFor();
  const name = /: (\w+),/.exec(await boxes.nth(1).getAttribute("aria-label"))?.[1];
  await boxes.nth(1).tap();
  assert.equal(await boxes.nth(1).getAttribute("aria-pressed"), "true");
  const evidence = overlay(page, new RegExp(`Occlusion for the ${name} in `));
  await evidence.waitFor();
  await eventually(async () => {
    const seen = await evidence.boundingBox();
    return seen.y >= 0 && seen.y + seen.height <= height && seen.x >= 0 && seen.x + seen.width <= width;
  });
  // As large as a finger needs, and its name as large as eyes do.
  for (const box of await boxes.all()) {
    const own = await box.boundingBox();
    assert.ok(own.width >= 24 && own.height >= 24);
    const size = await box
      .locator(".box-name")
      .evaluate((label) => Number.parseFloat(getComputedStyle(label).fontSize));
    assert.ok(size >= 12, `a name of ${size} pixels`);
  }
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
  check();
});

test("keeps still where motion is unwelcome", async (t) => {
  const { page, check } = await open(t, server.url, { reducedMotion: "reduce" });
  await ready(page);
  await tab(page, "Visualize");
  await page.getByText("More options").click();
  await page.getByRole("spinbutton", { name: "Steps" }).fill("60");
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByText(/Climbing [2-9]\d %/).waitFor();
  const shown = await page.locator(".stage canvas").getAttribute("aria-label");
  assert.match(shown, /^(After 0 steps|After 60 steps)/);
  await page.getByRole("img", { name: "After 60 steps, for cat" }).waitFor();
  check();
});

test("is served, and built, so that nothing can leave and no text becomes code", async (t) => {
  const { page, problems, requests } = await open(t, server.url);
  await ready(page);
  const policy = (await page.request.get(server.url)).headers()["content-security-policy"];
  assert.match(policy, /default-src 'self'/);
  assert.match(policy, /connect-src 'self'/);
  assert.doesNotMatch(policy, /'unsafe-eval'|'unsafe-inline'/);
  assert.equal(await page.locator('meta[http-equiv="Content-Security-Policy"]').count(), 1);
  const violated = await page.evaluate(
    () =>
      new Promise((resolve) => {
        addEventListener("securitypolicyviolation", ({ effectiveDirective }) => resolve(effectiveDirective));
        fetch("http://127.0.0.1:9/").catch(() => {});
      }),
  );
  assert.equal(violated, "connect-src");
  assert.ok(problems.length > 0);
  assert.ok(requests.length > 0);
  const assets = new URL("../dist/assets/", import.meta.url);
  for (const name of (await readdir(assets)).filter((name) => name.endsWith(".js"))) {
    const code = await readFile(new URL(name, assets), "utf8");
    assert.doesNotMatch(code, /(?<![.\w])eval\(|new Function\(/, name);
  }
});

/** Waits until something holds, or fails after ten seconds. */
async function eventually(holds) {
  const end = Date.now() + 10_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`never held: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
