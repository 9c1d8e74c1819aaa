import { type ProxyMarked, type Remote, releaseProxy, transfer } from "comlink";
import { transferable } from "./packing";
import type { Service } from "./service";

/** A function of the other thread; to be released when the call that brought it is over. */
type Passed<F> = F extends (...args: never[]) => unknown ? Remote<F & ProxyMarked> : F;

/** The service as a worker offers it: results are handed over, and functions that came along are released. */
export function exposed(service: Service): Service {
  return {
    ...service,
    async load(id, file, options, sibling) {
      return releasing(sibling, () => service.load(id, file, options, sibling));
    },
    async call(call, id, name, packed, onProgress, onAnswer) {
      const result = await releasing(onProgress, () =>
        releasing(onAnswer, () => service.call(call, id, name, packed, onProgress, onAnswer)),
      );
      return transfer(result, [...transferable(result)]);
    },
  };
}

async function releasing<R>(passed: unknown, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } finally {
    (passed as Partial<Passed<() => void>> | undefined)?.[releaseProxy]?.();
  }
}
