// A page that only starts the worker; page.mjs is the worker.
new Worker("/page.js", { type: "module" }).addEventListener("error", (event) => {
  fetch("/report", { method: "POST", body: JSON.stringify({ error: `the worker failed: ${event.message}` }) });
});
