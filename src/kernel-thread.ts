// The script of the threads that help with the kernels of one model.
import { Board, type Kernel } from "./wasm/threads/board";
import type { Answer, HelperStart } from "./wasm/threads/helper";
import { memoryImport } from "./wasm/threads/shared-module";

interface Port {
  postMessage(message: Answer): void;
}

/** Instantiates the kernels over the memory of the first thread, says so, and then takes parts of its calls until it is ended. */
async function help(port: Port, { module, memory, board, thread, kernels }: HelperStart): Promise<void> {
  try {
    const imports = { [memoryImport.module]: { [memoryImport.name]: memory } };
    const { exports } = await WebAssembly.instantiate(module, imports);
    const meeting = new Board(
      memory,
      board,
      thread,
      kernels.map((name) => exports[name] as Kernel),
    );
    port.postMessage({ ready: true });
    // The answer leaves first: from here on the thread hears of nothing but the board.
    setTimeout(() => meeting.serve(), 0);
  } catch (error) {
    port.postMessage({ failed: String(error) });
  }
}

/** Node's workers have their port in a module; it is imported by a name that bundlers do not see. */
async function listenInNode(): Promise<void> {
  const threads = "node:worker_threads";
  const { parentPort } = await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ threads);
  parentPort.on("message", (begin: HelperStart) => help(parentPort, begin));
}

// Workers of the web are their own port.
if (typeof self === "object" && typeof self.postMessage === "function") {
  addEventListener("message", (event: MessageEvent<HelperStart>) => help(self as unknown as Port, event.data));
} else listenInNode();
