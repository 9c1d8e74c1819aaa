/** Opens pages in Chromium without script of their own, light and dark, and says what axe finds wrong and what they ask the network for. */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("../../examples/playground/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const axe = require("axe-core");

const [executablePath, ...files] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const found = [];
for (const file of files) {
  for (const colorScheme of ["light", "dark"]) {
    // The page's own policy lets nothing run, axe neither.
    const context = await browser.newContext({ colorScheme, bypassCSP: true });
    const page = await context.newPage();
    const asked = [];
    page.on("request", (request) => {
      if (!/^(file|data):/.test(request.url())) asked.push(request.url());
    });
    await page.goto(pathToFileURL(file).href);
    const broken = await page.evaluate(
      () => [...document.images].filter(({ naturalWidth }) => naturalWidth === 0).length,
    );
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() =>
      axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
    );
    const wrong = violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
    found.push({ file, colorScheme, wrong, asked, broken, background });
    await context.close();
  }
}
await browser.close();
console.log(JSON.stringify(found));
