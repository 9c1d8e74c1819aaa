// Browsers, from Debian. The page runs under the strictest policy that lets a script compile wasm.
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "./bundle.mjs";
import { call, fromDebian, fromNpm, packagedFile, systemProgram, versionIn } from "./programs.mjs";
import { serve } from "./web-server.mjs";

const policy = (scripts) => `default-src 'none'; script-src 'self'${scripts}; connect-src 'self'; worker-src 'self'`;
const strict = policy(" 'wasm-unsafe-eval'");
const withoutWasm = policy("");

const html = (script) =>
  `<!doctype html><meta charset="utf-8"><title>seethrough</title><script type="module" src="${script}"></script>`;

/** How each browser is started with an empty profile. Nothing may call home: the machine may have no network. */
export const browsers = {
  chromium: {
    name: "Chromium",
    fuses: true,
    threads: true,
    program: () => systemProgram("chromium") ?? systemProgram("google-chrome"),
    packages: ["chromium"],
    version: (program) => [program, "--no-sandbox", "--version"],
    start: (program, profile, address) => [
      program,
      ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"],
      `--user-data-dir=${profile}`,
      address,
    ],
  },
  firefox: {
    name: "Firefox",
    fuses: true,
    threads: true,
    program: () => systemProgram("firefox-esr") ?? systemProgram("firefox"),
    packages: ["firefox-esr"],
    version: (program) => [program, "--version"],
    start(program, profile, address) {
      const settings = {
        "app.normandy.enabled": false,
        "toolkit.telemetry.enabled": false,
        "browser.aboutwelcome.enabled": false,
      };
      const lines = Object.entries(settings).map(([key, value]) => `user_pref(${JSON.stringify(key)}, ${value});`);
      writeFileSync(join(profile, "user.js"), lines.join("\n"));
      return [program, "--headless", "--no-remote", "--profile", profile, address];
    },
  },
  webkit: {
    name: "WebKitGTK",
    fuses: false,
    // Whatever headers a page has, it gets no memory that threads share.
    threads: false,
    program: () =>
      ["x86_64", "aarch64"].map((cpu) => `/usr/lib/${cpu}-linux-gnu/webkit2gtk-4.1/MiniBrowser`).find(existsSync),
    packages: ["webkit2gtk-driver", "xvfb", "xauth"],
    also: ["xvfb-run"],
    version: (program) => ["xvfb-run", "-a", program, "--version"],
    start: (program, _profile, address) => ["xvfb-run", "-a", program, "--private", address],
  },
};

/** Opens a page and waits for what it posts. */
export async function visit(browser, folder, page, contentPolicy) {
  const server = await serve(folder, contentPolicy);
  const profile = mkdtempSync(join(tmpdir(), "seethrough-profile-"));
  const [program, ...args] = browser.start(browser.program(), profile, `${server.origin}/${page}`);
  const env = { ...process.env, HOME: profile, XDG_RUNTIME_DIR: profile };
  // A group of its own: browsers are many processes, and all of them end with the group.
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], detached: true, env });
  let errors = "";
  child.stderr.on("data", (data) => {
    errors += data;
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  let patience;
  const failed = new Promise((_, reject) => {
    const fail = (what) =>
      reject(new Error(`${browser.name} ${what}; it asked for ${server.requests.join(" ")}\n${errors}`));
    child.on("error", (error) => fail(`cannot be started: ${error.message}`));
    ended.then((code) => fail(`ended with code ${code}`));
    patience = setTimeout(() => fail("reported nothing for two minutes"), 120_000);
  });
  try {
    return await Promise.race([server.reported, failed]);
  } finally {
    clearTimeout(patience);
    failed.catch(() => {});
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await ended;
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A page whose script is bundled, the embedded model with it. */
async function bundledPage(folder) {
  const site = await bundle(folder, "site", ["suite/page.mjs"], { conditions: ["browser"] });
  // As docs/packaging.md says for esbuild.
  for (const script of ["pool-worker.js", "kernel-thread.js"])
    cpSync(join(folder, "node_modules/seethrough/dist", script), join(site, script));
  writeFileSync(join(site, "index.html"), html("/page.js"));
  return site;
}

/** A page without any bundler: browsers load the package's files as they are, the embedded model from beside them. */
function plainPage(folder) {
  writeFileSync(join(folder, "index.html"), html("/suite/page-with-worker.mjs"));
  return folder;
}

async function explainIn(browser, site) {
  const report = JSON.parse(await visit(browser, site, "index.html", strict));
  if (report.error) throw new Error(`${browser.name}: ${report.error}`);
  return report;
}

/** Without `'wasm-unsafe-eval'` nothing may run, and the error must say what to change. */
async function expectRefusal(browser, site) {
  const { error } = JSON.parse(await visit(browser, site, "index.html", withoutWasm));
  if (!/UnsupportedRuntimeError[\s\S]*'wasm-unsafe-eval'/.test(error)) {
    throw new Error(`${browser.name} without 'wasm-unsafe-eval' should refuse and say why; got ${error}`);
  }
}

/** The page of docs/runtimes shows its result in an <output>. */
async function showSnippet(browser, folder, files) {
  const scripts = Object.keys(files).filter((file) => file.endsWith(".js"));
  const site = await bundle(folder, "snippet-site", [...scripts, "suite/post-output.mjs"], {
    files,
    conditions: ["browser"],
    outbase: folder,
  });
  cpSync(join(folder, "photo.png"), join(site, "photo.png"));
  const script = '<script type="module" src="suite/post-output.js"></script>';
  writeFileSync(join(site, "index.html"), `${files["index.html"]}${script}`);
  return visit(browser, site, "index.html", strict);
}

/** examples/browser-module: its files as they are beside the installed package. */
async function showPlainPage(browser, folder, files) {
  for (const [file, code] of Object.entries(files)) writeFileSync(join(folder, file), code);
  const script = '<script type="module" src="suite/browser-example.mjs"></script>';
  writeFileSync(join(folder, "index.html"), `${files["index.html"]}${script}`);
  return visit(browser, folder, "index.html", strict);
}

const browserHost = (browser, place, how) => ({
  name: `${browser.name}, ${place}`,
  fuses: browser.fuses,
  threads: browser.threads,
  page: "browser.md",
  missing() {
    const programs = [browser.program(), ...(browser.also ?? []).map(systemProgram)];
    const missing = [
      programs.every(Boolean) ? "" : fromDebian(...browser.packages),
      packagedFile("", "esbuild", "bin/esbuild") ? "" : fromNpm,
    ].filter(Boolean);
    return missing.length > 0 ? missing.join(" && ") : undefined;
  },
  async run(folder) {
    const { digests, fused, firstResult, pool, threads } = await how.explain(browser, folder);
    return {
      version: versionIn(await call(browser.version(browser.program()))),
      digests,
      fused,
      coldStart: firstResult,
      pool,
      threads,
    };
  },
  ...how.more?.(browser),
});

const onPage = {
  async explain(browser, folder) {
    const site = await bundledPage(folder);
    const report = await explainIn(browser, site);
    await expectRefusal(browser, site);
    return report;
  },
  more: (browser) => ({
    snippet: (folder, files) => showSnippet(browser, folder, files),
    plainPage: (folder, files) => showPlainPage(browser, folder, files),
  }),
};
const inWorker = { explain: (browser, folder) => explainIn(browser, plainPage(folder)) };

export const browserHosts = Object.fromEntries(
  Object.entries(browsers).flatMap(([id, browser]) => [
    [id, browserHost(browser, "page", onPage)],
    [`${id}-worker`, browserHost(browser, "worker, no bundler", inWorker)],
  ]),
);
