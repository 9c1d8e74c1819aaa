// For runtimes that run a script: prints what a pool of workers finds as the last line.
import * as seethrough from "seethrough";
import * as pool from "seethrough/pool";
import { runPool } from "./suite.mjs";

console.log(JSON.stringify(await runPool(pool, seethrough)));
