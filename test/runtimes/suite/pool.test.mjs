// Run by Vitest inside workerd.
import * as seethrough from "seethrough";
import defaultModel from "seethrough/default-model";
import { expect, it } from "vitest";
import { runSuite } from "./suite.mjs";

it("explains", async () => {
  const report = await runSuite(seethrough, defaultModel);
  console.log(`report ${JSON.stringify(report)}`);
  expect(navigator.userAgent).toBe("Cloudflare-Workers");
});
