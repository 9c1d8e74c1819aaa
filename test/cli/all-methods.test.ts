import { expect, it } from "vitest";
import { methodNames } from "../../src/index";
import { run } from "./run";

const scene = "examples/images/scene-cat-00.png";

it("--method all explains by every method; notes go to stderr", async () => {
  const { code, out, err } = await run("explain", scene, "--method", "all", "--json");
  expect(code).toBe(0);
  const { explanations } = JSON.parse(out) as { explanations: { method: string }[] };
  expect(explanations.map(({ method }) => method)).toEqual(methodNames);
  expect(err).toContain("note (guided-backprop): This method fails the model-randomisation sanity check");
});

it("--method all names what a network's structure rules out and goes on", async () => {
  const { code, out, err } = await run("explain", scene, "--model", "models/petshop-flatten.onnx", "--method", "all");
  expect(code).toBe(0);
  expect(err).toContain("note (cam): left out. CAM needs a network that ends in global average pooling");
  expect(out).toContain("grad-cam at");
});
