// Bundles one program with the bundler named first, in the folder named second, into the folder named third, as an
// application that is served from any path. Prints the warnings as JSON in the last line.
import { join } from "node:path";

const [bundler, folder, out] = process.argv.slice(2);
const entry = join(folder, "program.js");

const bundlers = {
  async vite() {
    const { build, createLogger } = await import("vite");
    const warnings = [];
    const logger = createLogger("silent");
    // How long a build takes on a busy machine is no fault of what it builds.
    const isTiming = (message) => message.includes("PLUGIN_TIMINGS");
    for (const level of ["warn", "warnOnce", "error"]) {
      logger[level] = (message) => isTiming(message) || warnings.push(message);
    }
    await build({
      root: folder,
      base: "./",
      customLogger: logger,
      logLevel: "silent",
      build: {
        outDir: out,
        emptyOutDir: true,
        // The application runs in Node here, which has no document to put links in.
        modulePreload: false,
        rollupOptions: {
          input: entry,
          preserveEntrySignatures: "strict",
          output: { entryFileNames: "program.js" },
        },
        chunkSizeWarningLimit: 1024,
      },
    });
    return warnings;
  },
  async webpack() {
    const { default: webpack } = await import("webpack");
    const compiler = webpack({
      context: folder,
      mode: "production",
      entry,
      target: ["web", "es2022"],
      experiments: { outputModule: true },
      output: { path: out, filename: "program.js", library: { type: "module" } },
      performance: false,
    });
    const stats = await new Promise((done, failed) => {
      compiler.run((error, result) => (error ? failed(error) : done(result)));
    });
    await new Promise((done) => compiler.close(done));
    const { warnings, errors } = stats.toJson({ all: false, warnings: true, errors: true });
    return [...warnings, ...errors].map(({ message }) => message);
  },
};

console.log(JSON.stringify(await bundlers[bundler]()));
