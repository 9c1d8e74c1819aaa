// A page that only starts the worker.
new Worker("/suite/page-worker.mjs", { type: "module" }).addEventListener("error", (event) => {
  fetch("/report", { method: "POST", body: JSON.stringify({ error: `the worker failed: ${event.message}` }) });
});
