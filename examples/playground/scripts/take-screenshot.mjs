// Takes the README's picture of the playground: the embedded network, a scene of the project.
import { launch } from "../test/browser.mjs";
import { serve } from "../test/harness.mjs";

const server = await serve();
const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 1240, height: 900 } });
  await page.goto(server.url);
  await page.getByText("Works offline").waitFor();
  await page.getByRole("img", { name: "Overlay: Occlusion for dog" }).waitFor();
  await page.screenshot({ path: new URL("../../../docs/images/playground.png", import.meta.url).pathname });
} finally {
  await browser.close();
  await server.close();
}
