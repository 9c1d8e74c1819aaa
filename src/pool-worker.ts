// The script of a pool's workers.
import { type Endpoint, expose } from "comlink";
import nodeEndpoint, { type NodeEndpoint } from "comlink/dist/esm/node-adapter.mjs";
import { defaultModel } from "./load-default-model";
import { kernels } from "./load-model";
import { keepErrorClasses } from "./pool/error-classes";
import { exposed } from "./pool/exposed";
import { createService } from "./pool/service";

/** Node's workers have their port in a module; it is imported by a name that bundlers do not see. */
async function nodePort(): Promise<Endpoint> {
  const threads = "node:worker_threads";
  const { parentPort }: { readonly parentPort: NodeEndpoint } = await import(
    /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ threads
  );
  return nodeEndpoint(parentPort);
}

keepErrorClasses();
const service = exposed(createService({ kernels, defaultModel }));
// Workers of the web are their own port.
if (typeof self === "object" && typeof self.postMessage === "function") expose(service);
else nodePort().then((port) => expose(service, port));
