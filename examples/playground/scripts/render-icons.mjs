// Draws the icons of the web app manifest from icon.svg, with the installed Chromium.
import { readFile } from "node:fs/promises";
import { launch } from "../test/browser.mjs";

const folder = new URL("../public/icons/", import.meta.url);
const svg = await readFile(new URL("icon.svg", folder), "utf8");
const browser = await launch();
try {
  const page = await browser.newPage();
  const draw = async (name, size, style) => {
    await page.setViewportSize({ width: size, height: size });
    await page.setContent(`<body style="margin:0;${style}"><div style="width:100%;height:100vh">${svg}</div>`);
    await page.addStyleTag({ content: "svg{width:100%;height:100%;display:block}" });
    await page.screenshot({ path: new URL(name, folder).pathname, omitBackground: true });
  };
  await draw("icon-192.png", 192, "");
  await draw("icon-512.png", 512, "");
  // A maskable icon fills its square; what matters lies in the middle four fifths.
  await draw(
    "icon-maskable-512.png",
    512,
    "background:#0f4c5c;padding:64px;box-sizing:border-box;height:100vh;overflow:hidden",
  );
} finally {
  await browser.close();
}
