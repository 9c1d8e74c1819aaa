import { expect, it } from "vitest";
import { operatorsPage } from "../../scripts/operators-page";

it("docs/operators.md is what the table of operators says: npm run docs:operators writes it", async () => {
  await expect(operatorsPage()).toMatchFileSnapshot("../../docs/operators.md");
});
