// For runtimes that run a script: prints what a pool of workers, and threads, find as the last line.
import * as seethrough from "seethrough";
import * as pool from "seethrough/pool";
import { runPool, runThreads } from "./suite.mjs";

console.log(JSON.stringify({ pool: await runPool(pool, seethrough), threads: await runThreads(seethrough) }));
